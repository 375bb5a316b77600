"""The web process: `uvicorn ragsite.asgi:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()

from concurrent.futures import ThreadPoolExecutor  # noqa: E402  (apps come first)

from accounts.database import database_unit  # noqa: E402
from ragsite.checks import refuse_to_serve_unsafely  # noqa: E402
from retrieval.assembly import warm  # noqa: E402

# In a thread: a server may import this inside its event loop, where Django lets nobody wait for a database.
with ThreadPoolExecutor(max_workers=1) as thread:
    thread.submit(database_unit(refuse_to_serve_unsafely)).result()

# Before the door opens: libraries imported by two threads at once may be seen half initialised, and a
# first question should not wait for models.
warm()
