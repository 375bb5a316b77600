"""`/api/v1/uploads/`: large files in parts, by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation, expiration, termination, and checksum with sha256.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Coroutine, Iterator
from email.utils import format_datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, ParseError, UnsupportedMediaType

from accounts.database import database_unit, in_database, managing, reading
from accounts.roles import Right
from accounts.scope import Sensitivity
from retrieval.access.values import Permission
from retrieval.api.caller import Caller, identify
from retrieval.api.documents import LEVELS
from retrieval.api.queries import error_response, read_body
from retrieval.api.strict import StrictSerializer, checked
from retrieval.api.targets import allowed, find_collection
from retrieval.ingestion import vault
from retrieval.models import ResumableUpload
from retrieval.tasks import dispatch_ingestion
from retrieval.uploads.errors import UploadConflict, UploadGone, UploadTooLarge
from retrieval.uploads.finish import finish
from retrieval.uploads.lifecycle import (
    PART_BYTES_MAX,
    Place,
    Wish,
    add_part,
    cancel,
    keep_part,
    open_upload,
    own_uploads,
    place_for,
)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponse]]

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
PART_TYPE = "application/offset+octet-stream"
BLOCK_BYTES = 256 * 1024
METADATA_CHARS_MAX = 8_000
SIZE_DIGITS_MAX = 15


class UploadWishSerializer(StrictSerializer):
    """What is to be sent. Ids, tenant and owner are not among what a client may choose."""

    name = serializers.CharField(max_length=1000)
    size = serializers.IntegerField(min_value=0, max_value=10**SIZE_DIGITS_MAX)
    collection = serializers.UUIDField()
    title = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    sensitivity = serializers.ChoiceField(choices=LEVELS, required=False)


class OtherVersion(Exception):
    """A request of another version of the protocol, or of none."""


def spoken_in_tus(view: View[P]) -> View[P]:
    """Errors and headers as the protocol has them."""

    # The session's CSRF token is checked in `identify`; a key needs none.
    @csrf_exempt
    @wraps(view)
    async def speaking(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            response = capabilities() if request.method == "OPTIONS" else await view(request, *args, **kwargs)
        except OtherVersion:
            response = HttpResponse(status=412, headers={"Tus-Version": VERSION})
        except Exception as error:
            response = error_response(error, request)
        response.headers["Tus-Resumable"] = VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    return speaking


def capabilities() -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(settings.RAGSITE_UPLOAD_BYTES_MAX),
            "Tus-Checksum-Algorithm": "sha256",
        },
    )


@spoken_in_tus
async def uploads_view(request: HttpRequest) -> HttpResponse:
    """`POST`: open an upload, described by `Upload-Length` and `Upload-Metadata`, or by a JSON body."""
    if request.method != "POST":
        raise MethodNotAllowed(request.method or "")
    upload = await in_database(opened, request)
    headers = headers_of(upload) | {"Location": reverse("api-upload", args=[upload.pk])}
    return JsonResponse(described(upload), status=201, headers=headers)


@spoken_in_tus
async def upload_view(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """`HEAD` and `GET`: how far it is. `PATCH`: the next part. `DELETE`: forget it."""
    match request.method:
        case "HEAD":
            return HttpResponse(headers=headers_of(await in_database(found, request, upload_id)))
        case "GET":
            return JsonResponse(described(await in_database(found, request, upload_id)))
        case "PATCH":
            return await take_part(request, upload_id)
        case "DELETE":
            await in_database(cancelled, request, upload_id)
            return HttpResponse(status=204)
        case other:
            raise MethodNotAllowed(other or "")


async def take_part(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """The part is kept before the row knows it, and no connection is held meanwhile."""
    caller, upload, place = await in_database(asked_part, request, upload_id)
    if not place.is_whole:
        digest = wanted_digest(request)
        kept = await asyncio.to_thread(keep_part, place, blocks_of(request), digest)
        try:
            upload = await in_database(add_part, place, kept)
        except UploadConflict:
            await asyncio.to_thread(vault.delete, kept.name)
            raise
    # Also for one that was whole before: whoever should have taken it in may have died on the way.
    if upload.state == ResumableUpload.State.WHOLE:
        whole = database_unit(finish)
        await asyncio.to_thread(whole, place.tenant_id, upload_id, dispatch_ingestion, caller)
    return HttpResponse(status=204, headers=headers_of(upload))


# --- What is asked ----------------------------------------------------------------------------------


def opened(request: HttpRequest) -> ResumableUpload:
    caller = identify(request)
    sent = checked(UploadWishSerializer, wished_in_headers(request) or read_body(request))
    level = Sensitivity[sent["sensitivity"].upper()] if "sensitivity" in sent else None
    wish = Wish(name=sent["name"], size=sent["size"], title=sent["title"], sensitivity=level)
    with managing(caller.scope.tenant_id):
        collection = allowed(caller, Permission.CHANGE, find_collection(caller, sent["collection"]))
        return open_upload(caller, collection, wish)


def wished_in_headers(request: HttpRequest) -> dict[str, Any]:
    """The protocol's way to describe a file; empty for a request that does not speak it."""
    if "Tus-Resumable" not in request.headers:
        return {}
    check_version(request)
    metadata = metadata_of(request.headers.get("Upload-Metadata", ""))
    size = number_in(request, "Upload-Length")
    wanted = ("collection", "title", "sensitivity")
    return {key: metadata[key] for key in wanted if metadata.get(key)} | {
        "name": metadata.get("filename") or metadata.get("name", ""),
        "size": size,
    }


def metadata_of(header: str) -> dict[str, str]:
    """Keys and their values, which travel in base64. Raises ParseError."""
    if len(header) > METADATA_CHARS_MAX:
        raise ParseError("Upload-Metadata is too long.")
    found = {}
    for pair in filter(None, (pair.strip() for pair in header.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            found[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ParseError("Upload-Metadata must hold keys, each with a value in base64.") from None
    return found


def found(request: HttpRequest, upload_id: UUID) -> ResumableUpload:
    """Raises Http404 alike for what is absent and what is somebody else's."""
    upload = of_caller(sender(request), upload_id)
    if request.method == "HEAD":
        check_version(request)
    if upload.is_expired:
        raise UploadGone("The time of this upload is over. Begin it anew.")
    return upload


def asked_part(request: HttpRequest, upload_id: UUID) -> tuple[Caller, ResumableUpload, Place]:
    caller = sender(request)
    upload = of_caller(caller, upload_id)
    check_version(request)
    if request.content_type != PART_TYPE:
        raise UnsupportedMediaType(request.content_type or "", f"A part is sent as {PART_TYPE}.")
    place = place_for(upload, number_in(request, "Upload-Offset"))
    if int(request.headers.get("Content-Length") or 0) > place.bytes_max:
        raise UploadTooLarge(f"Here fits a part of at most {place.bytes_max} bytes.")
    return caller, upload, place


def cancelled(request: HttpRequest, upload_id: UUID) -> None:
    caller = sender(request)
    of_caller(caller, upload_id)
    check_version(request)
    if not cancel(caller, upload_id):
        raise Http404


def sender(request: HttpRequest) -> Caller:
    """The caller; a key must be one for bringing documents in."""
    caller = identify(request)
    if caller.cap is not None and Right.EDIT_DOCUMENTS not in caller.cap:
        caller.require(Right.EDIT_DOCUMENTS)
    return caller


def of_caller(caller: Caller, upload_id: UUID) -> ResumableUpload:
    with reading(caller.scope):
        upload = own_uploads(caller).filter(pk=upload_id).first()
    if upload is None:
        raise Http404
    return upload


def check_version(request: HttpRequest) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise OtherVersion


def number_in(request: HttpRequest, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= SIZE_DIGITS_MAX):
        raise ParseError(f"{header} must be a number of bytes.")
    return int(value)


def wanted_digest(request: HttpRequest) -> str:
    """The digest that `Upload-Checksum` announces, in hex; "" without one. Raises ParseError."""
    header = request.headers.get("Upload-Checksum", "")
    if not header:
        return ""
    algorithm, _, encoded = header.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm != "sha256" or len(digest) != 32:
        raise ParseError("Upload-Checksum must be 'sha256' and the digest in base64.")
    return digest.hex()


def blocks_of(request: HttpRequest) -> Iterator[bytes]:
    while block := request.read(BLOCK_BYTES):
        yield block


# --- What is said -----------------------------------------------------------------------------------


def headers_of(upload: ResumableUpload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.size),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }


def described(upload: ResumableUpload) -> dict[str, Any]:
    return {
        "id": str(upload.pk),
        "name": upload.name,
        "size": upload.size,
        "offset": upload.offset,
        "state": upload.state,
        "reason": upload.reason,
        "document": str(upload.document_id) if upload.document_id else None,
        "expires_at": upload.expires_at.isoformat(),
        "part_bytes_max": PART_BYTES_MAX,
    }
