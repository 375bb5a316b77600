"""What the generated API description cannot see by itself: streaming endpoints are plain views."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
FILE: dict[str, Any] = {"type": "string", "format": "binary"}
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["code", "detail", "request_id"],
    "properties": {"code": TEXT, "detail": TEXT, "request_id": TEXT},
}
CITATION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "description": "as in the mark [1] in the text"},
        "document_id": {"type": "string", "format": "uuid"},
        "ordinal": {"type": "integer", "description": "position of the passage in its document, from 0"},
        "title": TEXT,
        "heading": TEXT,
        "page": {"type": "integer", "nullable": True},
        "quote": TEXT,
        "url": {"type": "string", "description": "path of the cited passage, relative to this site"},
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "outcome", "text", "citations", "rule"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "outcome": {"type": "string", "enum": ["answered", "refused", "nothing_found", "withheld"]},
        "text": TEXT,
        "citations": {"type": "array", "items": CITATION},
        "rule": {"type": "string", "nullable": True},
    },
}
QUESTION: dict[str, Any] = {
    "type": "object",
    "required": ["question"],
    "properties": {
        "question": {"type": "string", "maxLength": 20000},
        "conversation": {"type": "string", "format": "uuid", "nullable": True},
        "collections": {"type": "array", "items": {"type": "string", "format": "uuid"}},
    },
}
STREAM = (
    "Sent to clients that accept `text/event-stream`: `meta`, then `stage` events with times, `sources` "
    "before the first word, `delta` with text, and one `done` (the JSON answer) or `error`. "
    "Comments keep the connection open."
)


def add_queries(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular post-processing hook that describes asking and downloading."""

    def failure(description: str) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": ERROR}}}

    result["paths"]["/api/v1/queries"] = {
        "post": {
            "operationId": "queries_create",
            "summary": "Ask a question",
            "description": "Answers from the documents that the caller may read, guarded and cited.",
            "tags": ["queries"],
            "security": [{"apiKey": []}, {"cookieAuth": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": QUESTION}}},
            "responses": {
                "200": {
                    "description": STREAM,
                    "content": {
                        "application/json": {"schema": ANSWER},
                        "text/event-stream": {"schema": TEXT},
                    },
                },
                "400": failure("The request is not valid."),
                "401": failure("No good credentials came."),
                "403": failure("The role does not include asking."),
                "404": failure("There is no such conversation."),
                "503": failure("A part that is needed cannot be reached; trying again may help."),
            },
        }
    }
    result["paths"]["/api/v1/documents/{document_id}/file"] = {
        "get": {
            "operationId": "documents_file_retrieve",
            "summary": "Download the file that was brought in",
            "description": "Always an attachment. One range of bytes may be asked for. On record each time.",
            "tags": ["documents"],
            "security": [{"apiKey": []}, {"cookieAuth": []}],
            "parameters": [
                {
                    "in": "path",
                    "name": "document_id",
                    "required": True,
                    "schema": {"type": "string", "format": "uuid"},
                },
                {"in": "header", "name": "Range", "schema": TEXT},
            ],
            "responses": {
                "200": {
                    "description": "The file.",
                    "content": {"application/octet-stream": {"schema": FILE}},
                },
                "206": {
                    "description": "The range.",
                    "content": {"application/octet-stream": {"schema": FILE}},
                },
                "401": failure("No good credentials came."),
                "403": failure("The key is for something else."),
                "404": failure("There is no such document for the caller."),
                "416": {"description": "The range begins behind the end of the file."},
                "503": failure("The audit trail cannot be written; nothing is given out."),
            },
        }
    }
    schemes = result.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["apiKey"] = {"type": "http", "scheme": "bearer", "description": "`rgs_...`"}
    return result
