"""`make up`: start everything a checkout needs, watch over it, and stop it without a trace."""
