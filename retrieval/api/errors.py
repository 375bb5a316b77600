"""Errors of the domain as HTTP answers, for plain views and for the REST framework alike."""

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from retrieval.errors import (
    AccessRevoked,
    AuditUnavailable,
    ChangeRefused,
    EncoderMismatch,
    EncoderUnavailable,
    FetchRefused,
    GeneratorUnavailable,
    GrantRefused,
    InvalidQuestion,
    PreviewTooLarge,
    RetrievalError,
    SourceRefused,
    SourceUnavailable,
    UnreadableFile,
)
from retrieval.uploads.errors import (
    ChecksumMismatch,
    TooManyUploads,
    UploadConflict,
    UploadGone,
    UploadTooLarge,
)

# Of the tus protocol; no other standard has the number.
CHECKSUM_MISMATCH = 460

STATUS: dict[type[RetrievalError], int] = {
    AccessRevoked: status.HTTP_403_FORBIDDEN,
    InvalidQuestion: status.HTTP_400_BAD_REQUEST,
    UnreadableFile: status.HTTP_400_BAD_REQUEST,
    GrantRefused: status.HTTP_400_BAD_REQUEST,
    ChangeRefused: status.HTTP_400_BAD_REQUEST,
    PreviewTooLarge: status.HTTP_400_BAD_REQUEST,
    UploadTooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    TooManyUploads: status.HTTP_429_TOO_MANY_REQUESTS,
    UploadConflict: status.HTTP_409_CONFLICT,
    UploadGone: status.HTTP_410_GONE,
    ChecksumMismatch: CHECKSUM_MISMATCH,
    FetchRefused: status.HTTP_400_BAD_REQUEST,
    SourceRefused: status.HTTP_400_BAD_REQUEST,
    SourceUnavailable: status.HTTP_400_BAD_REQUEST,
    EncoderMismatch: status.HTTP_503_SERVICE_UNAVAILABLE,
    EncoderUnavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    GeneratorUnavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    AuditUnavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
}


def describe(error: Exception) -> tuple[int, str, str]:
    """(HTTP status, code, sentence) for any error. What is not ours is not shown."""
    match error:
        case Http404():
            return 404, "not_found", "There is no such thing here."
        case DjangoPermissionDenied():
            return 403, "permission_denied", "You may not do this."
        case ValidationError():
            return error.status_code, "invalid", first_sentence(error.detail)
        case APIException():
            return error.status_code, str(error.get_codes()), str(error.detail)
        case RetrievalError():
            return STATUS.get(type(error), 500), error.code, str(error)
        case _:
            return 500, "error", "Something went wrong here. The operator's log has the request id."


def first_sentence(detail: object) -> str:
    """The first of a validation error's messages, with the field it is about."""
    if isinstance(detail, dict):
        field, messages = next(iter(detail.items()))
        return (
            f"{field}: {first_sentence(messages)}"
            if field != "non_field_errors"
            else first_sentence(messages)
        )
    if isinstance(detail, list | tuple):
        return first_sentence(detail[0]) if detail else "The request is not valid."
    return str(detail)
