"""Style sheets and scripts, served by the application itself: one process fewer to run."""

from mimetypes import guess_type
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import http_date
from django.views.decorators.http import require_safe
from django.views.static import was_modified_since


@require_safe
def static_file(request: HttpRequest, path: str) -> HttpResponse:
    """A file of some app's static folder; browsers keep it and ask whether it has changed.

    Whole files, not streams: Django reads a stream of a sync view into memory anyway under ASGI.
    """
    found = finders.find(path)
    if not isinstance(found, str) or not Path(found).is_file():
        raise Http404
    changed_at = int(Path(found).stat().st_mtime)
    response: HttpResponse
    if was_modified_since(request.headers.get("If-Modified-Since"), changed_at):
        response = HttpResponse(Path(found).read_bytes(), content_type=guess_type(found)[0])
    else:
        response = HttpResponseNotModified()
    response.headers["Last-Modified"] = http_date(changed_at)
    response.headers["Cache-Control"] = "no-cache"
    return response
