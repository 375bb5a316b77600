"""The web process: `uvicorn ragsite.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
