"""What the generated API description cannot see by itself: the streaming endpoint is a plain view."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
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
    """A drf-spectacular post-processing hook that describes `POST /api/v1/queries`."""

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
    schemes = result.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["apiKey"] = {"type": "http", "scheme": "bearer", "description": "`rgs_...`"}
    return result
