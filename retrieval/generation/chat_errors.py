"""Turns what a chat endpoint did wrong into one sentence that may be shown."""

import time
from email.utils import parsedate_to_datetime

import openai

from retrieval.errors import GeneratorUnavailable

_TOO_LONG = "The question and its passages are too long for the language model. Ask about less at once."
_BY_STATUS = {
    400: "The language model refused the request (HTTP 400). Ask the operator to check its settings.",
    401: "The language model refused the API key (HTTP 401). Ask the operator to renew it.",
    403: "The language model denied access (HTTP 403). Ask the operator to check the key's rights.",
    404: "The language model was not found (HTTP 404). Ask the operator to check its name and address.",
    413: _TOO_LONG,
    422: "The language model could not read the request (HTTP 422). Ask the operator to check its settings.",
    429: "The language model is busy (HTTP 429). Try again in a minute.",
}
_QUOTA = "The language model's quota is used up. Ask the operator to renew it."
_SILENT = "The language model did not answer in time. Try again in a minute."
_UNREACHED = "The language model cannot be reached. Try again in a minute."
_CUT_SHORT = "The language model broke off in the middle of its answer. Try again."
_PASSING = (408, 409, 425, 429)  # besides these only the server's own failures pass


class StreamCutShort(Exception):
    """The stream ended without saying that the answer is complete."""


def generator_unavailable(sentence: str, *, permanent: bool) -> GeneratorUnavailable:
    error = GeneratorUnavailable(sentence)
    error.permanent = permanent
    return error


def unavailable(error: Exception) -> GeneratorUnavailable:
    """The domain's error for any failure of a chat call; never quotes what the endpoint said."""
    if isinstance(error, openai.APIStatusError):
        return _refused(error)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return generator_unavailable(_SILENT, permanent=False)
    if isinstance(error, openai.APIConnectionError):
        return generator_unavailable(_UNREACHED, permanent=False)
    return generator_unavailable(_CUT_SHORT, permanent=False)


def _refused(error: openai.APIStatusError) -> GeneratorUnavailable:
    status = error.status_code
    if error.code == "insufficient_quota":
        return generator_unavailable(_QUOTA, permanent=True)
    if error.code == "context_length_exceeded":
        return generator_unavailable(_TOO_LONG, permanent=True)
    fallback = f"The language model failed (HTTP {status}). Try again in a minute."
    passing = status in _PASSING or status >= 500
    return generator_unavailable(_BY_STATUS.get(status, fallback), permanent=not passing)


def retry_after_seconds(error: Exception) -> float | None:
    """The pause the endpoint asked for (RFC 9110, 10.2.3); None when it asked for none it can mean."""
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        return _seconds_until(headers.get("retry-after", ""))
    except ValueError:
        return None


def _seconds_until(header: str) -> float | None:
    if not header:
        return None
    if header.replace(".", "", 1).isdigit():
        return float(header)
    return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
