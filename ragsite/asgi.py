"""The web process: `uvicorn ragsite.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()

from retrieval.assembly import warm  # noqa: E402  (apps come first)

# Before the door opens: libraries imported by two threads at once may be seen half initialised, and a
# first question should not wait for models.
warm()
