"""The web process: `uvicorn ragsite.asgi:application`."""

import os
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()

from retrieval.assembly import warm  # noqa: E402  (apps come first)

# Beside the serving, so that the door opens at once and the first question does not wait for models.
threading.Thread(target=warm, name="warm", daemon=True).start()
