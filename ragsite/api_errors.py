"""One shape for every error of the API: `{"code", "detail", "request_id"}`."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as framework_handler

from retrieval.api.errors import describe


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """For the REST framework. Errors that are nobody's fault but ours rise to the log."""
    response = framework_handler(error, context)
    status, code, detail = describe(error)
    if response is None and status == 500:
        return None
    request = context["request"]
    body = {"code": code, "detail": detail, "request_id": str(getattr(request._request, "request_id", ""))}
    headers = dict(response.items()) if response is not None else {}
    return Response(
        body, status=status, headers={k: v for k, v in headers.items() if k == "WWW-Authenticate"}
    )
