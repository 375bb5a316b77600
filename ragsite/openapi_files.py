"""What the generated API description cannot see by itself: files that leave and arrive by plain views."""

from typing import Any

from ragsite.openapi import ERROR, TEXT

FILE: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
SECURITY: list[dict[str, Any]] = [{"apiKey": []}, {"cookieAuth": []}]
NUMBER: dict[str, Any] = {"type": "integer"}
UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
WISH: dict[str, Any] = {
    "type": "object",
    "required": ["name", "size", "collection"],
    "properties": {
        "name": TEXT,
        "size": {"type": "integer", "description": "in bytes"},
        "collection": UUID,
        "title": TEXT,
        "sensitivity": {"type": "string", "enum": ["public", "internal", "confidential", "restricted"]},
    },
}
UPLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": UUID,
        "name": TEXT,
        "size": NUMBER,
        "offset": {"type": "integer", "description": "so many bytes are here"},
        "state": {"type": "string", "enum": ["open", "whole", "finished", "refused"]},
        "reason": TEXT,
        "document": {**UUID, "nullable": True},
        "expires_at": {"type": "string", "format": "date-time"},
        "part_bytes_max": NUMBER,
    },
}
PROTOCOL = "By the tus protocol 1.0.0, with creation, expiration, termination, and checksum (sha256)."


def failures(**sentences: str) -> dict[str, Any]:
    """Responses by status, named as in `s404`."""
    content = {"application/json": {"schema": ERROR}}
    return {name[1:]: {"description": words, "content": content} for name, words in sentences.items()}


def operation(name: str, tag: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    described = {"operationId": name, "tags": [tag], "summary": summary, "description": description}
    return described | {"security": SECURITY} | more


def in_path(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": UUID}


def in_header(name: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "schema": TEXT}


DOWNLOAD = operation(
    "documents_file_retrieve",
    "documents",
    "Download the file that was brought in",
    "Always an attachment. One range of bytes may be asked for. Each download is on record.",
    parameters=[in_path("document_id"), in_header("Range")],
    responses={
        "200": {"description": "The file.", "content": FILE},
        "206": {"description": "The range.", "content": FILE},
        "416": {"description": "The range begins behind the end of the file."},
    }
    | failures(
        s401="No good credentials came.",
        s403="The key is for something else.",
        s404="There is no such file for the caller.",
        s503="The audit trail cannot be written; nothing is given out.",
    ),
)
BEGIN = operation(
    "uploads_create",
    "uploads",
    "Begin a large upload",
    f"{PROTOCOL} `Upload-Metadata` holds filename, collection, and as wished title and sensitivity; a JSON body "
    "says the same to clients that do not speak it.",
    parameters=[in_header("Tus-Resumable"), in_header("Upload-Length"), in_header("Upload-Metadata")],
    requestBody={"content": {"application/json": {"schema": WISH}}},
    responses={"201": {"description": "Opened.", "content": {"application/json": {"schema": UPLOAD}}}}
    | failures(
        s403="The caller may not bring files in here.",
        s404="There is no such collection.",
        s413="The file is larger than what is taken.",
        s429="The caller has too much under way.",
    ),
)
STANDS = operation(
    "uploads_retrieve",
    "uploads",
    "How far an upload is",
    "`HEAD` says it in headers.",
    parameters=[in_path("upload_id")],
    responses={"200": {"description": "As it stands.", "content": {"application/json": {"schema": UPLOAD}}}}
    | failures(s404="The caller has no such upload.", s410="Its time is over."),
)
PART = operation(
    "uploads_partial_update",
    "uploads",
    "Send the next part",
    f"{PROTOCOL} With the last part the file is taken in.",
    parameters=[
        in_path("upload_id"),
        in_header("Tus-Resumable"),
        in_header("Upload-Offset"),
        in_header("Upload-Checksum"),
    ],
    requestBody={
        "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    },
    responses={"204": {"description": "Kept."}}
    | failures(
        s404="The caller has no such upload.",
        s409="The upload stands elsewhere.",
        s413="The part is too large.",
        s460="The part did not arrive as it was sent.",
    ),
)
CANCEL = operation(
    "uploads_destroy",
    "uploads",
    "Cancel an upload",
    "Its parts are deleted.",
    parameters=[in_path("upload_id"), in_header("Tus-Resumable")],
    responses={"204": {"description": "Gone."}} | failures(s404="The caller has no such upload."),
)


def add_files(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular post-processing hook that describes downloads and large uploads."""
    result["paths"] |= {
        "/api/v1/documents/{document_id}/file": {"get": DOWNLOAD},
        "/api/v1/uploads/": {"post": BEGIN},
        "/api/v1/uploads/{upload_id}": {"get": STANDS, "patch": PART, "delete": CANCEL},
    }
    return result
