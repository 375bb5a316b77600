"""What the machine's names are called on a page."""

from retrieval.ingestion import media_types
from retrieval.models import Document

STAGES = {
    "input_guardrail": "Question checked",
    "exact_cache": "Known answers looked up",
    "reformulation": "Question made to stand alone",
    "retrieval": "Documents searched",
    "permission_filter": "Permissions checked again",
    "evidence_cache": "Same evidence looked up",
    "sources": "Passages chosen",
    "generation": "Answer written",
    "output_guardrail": "Answer checked",
    "cache_update": "Cache updated",
    "audit": "Written to the audit trail",
}

STATUSES = {
    Document.Status.RECEIVED: "Waiting",
    Document.Status.SCANNING: "Checking the file",
    Document.Status.PARSING: "Reading the file",
    Document.Status.SPLITTING: "Finding its passages",
    Document.Status.EMBEDDING: "Indexing",
    Document.Status.INDEXED: "Ready",
    Document.Status.QUARANTINED: "In quarantine",
    Document.Status.FAILED: "Failed",
    Document.Status.ERASING: "Being erased",
}
MOVING = frozenset(
    {
        Document.Status.RECEIVED,
        Document.Status.SCANNING,
        Document.Status.PARSING,
        Document.Status.SPLITTING,
        Document.Status.EMBEDDING,
        Document.Status.ERASING,
    }
)

MEDIA_TYPES = {
    media_types.PDF: "PDF",
    media_types.DOCX: "Word",
    media_types.XLSX: "Excel",
    media_types.PPTX: "PowerPoint",
    media_types.ODT: "OpenDocument",
    media_types.EPUB: "Book (EPUB)",
    media_types.RTF: "Rich text",
    media_types.ZIP: "Archive",
    media_types.EML: "E-mail",
    media_types.HTML: "Web page",
    media_types.MARKDOWN: "Markdown",
    media_types.CSV: "Table (CSV)",
    media_types.TSV: "Table (TSV)",
    media_types.JSON: "JSON",
    media_types.JSONL: "JSON Lines",
    media_types.CODE: "Source code",
    media_types.TEXT: "Text",
}


def heading_within(heading: str, title: str) -> str:
    """A path of headings without the document's own title, which stands above it already."""
    path = heading.split(" > ")
    return " › ".join(path[1:] if path[0] == title else path)


def media_type_in_words(media_type: str) -> str:
    """What a person calls a kind of file; "" while it is not known."""
    return MEDIA_TYPES.get(media_type, "File" if media_type else "")
