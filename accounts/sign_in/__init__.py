"""How people get in: passwords, second factors, passkeys, identity providers, and how long that lasts."""
