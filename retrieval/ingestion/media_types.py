"""The kinds of document that are taken in: how each is named, shortened and announced by its sender."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
ZIP = "application/zip"
EML = "message/rfc822"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
JSONL = "application/jsonl"
CODE = "text/x-source"
TEXT = "text/plain"

SOURCE_LANGUAGES = {
    ".py": "Python",
    ".pyi": "Python",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".cjs": "JavaScript",
    ".jsx": "JavaScript",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".vue": "Vue",
    ".java": "Java",
    ".kt": "Kotlin",
    ".scala": "Scala",
    ".groovy": "Groovy",
    ".c": "C",
    ".h": "C",
    ".cc": "C++",
    ".cpp": "C++",
    ".hpp": "C++",
    ".cs": "C#",
    ".vb": "Visual Basic",
    ".fs": "F#",
    ".go": "Go",
    ".rs": "Rust",
    ".swift": "Swift",
    ".m": "Objective-C",
    ".rb": "Ruby",
    ".php": "PHP",
    ".pl": "Perl",
    ".lua": "Lua",
    ".r": "R",
    ".jl": "Julia",
    ".hs": "Haskell",
    ".ml": "OCaml",
    ".ex": "Elixir",
    ".erl": "Erlang",
    ".clj": "Clojure",
    ".dart": "Dart",
    ".sql": "SQL",
    ".sh": "Shell",
    ".bash": "Shell",
    ".ps1": "PowerShell",
    ".bat": "Batch",
    ".css": "CSS",
    ".scss": "CSS",
    ".xml": "XML",
    ".xsd": "XML",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".ini": "INI",
    ".cfg": "INI",
    ".properties": "Properties",
    ".tf": "Terraform",
    ".proto": "Protocol Buffers",
    ".graphql": "GraphQL",
    ".tex": "TeX",
}

DOCUMENT_EXTENSIONS = {
    ".pdf": PDF,
    ".docx": DOCX,
    ".xlsx": XLSX,
    ".pptx": PPTX,
    ".odt": ODT,
    ".rtf": RTF,
    ".epub": EPUB,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".csv": CSV,
    ".tsv": TSV,
    ".tab": TSV,
    ".json": JSON,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".eml": EML,
    ".txt": TEXT,
    ".text": TEXT,
    ".log": TEXT,
    ".zip": ZIP,
}
BY_EXTENSION = DOCUMENT_EXTENSIONS | dict.fromkeys(SOURCE_LANGUAGES, CODE)

SPOKEN = {
    PDF: "a PDF document",
    DOCX: "a Word document",
    XLSX: "an Excel workbook",
    PPTX: "a PowerPoint presentation",
    ODT: "an OpenDocument text",
    EPUB: "an EPUB book",
    RTF: "rich text (RTF)",
    ZIP: "a ZIP archive",
    EML: "an e-mail",
    HTML: "a web page",
    MARKDOWN: "Markdown",
    CSV: "a table",
    TSV: "a table",
    JSON: "JSON",
    JSONL: "JSON Lines",
    CODE: "source code",
    TEXT: "plain text",
}
# Everything whose bytes are text, so that "text/plain" says nothing wrong about it. A page is not among
# them: told to be plain text, it is the oldest way past a check.
PLAIN_KINDS = frozenset({MARKDOWN, CSV, TSV, JSON, JSONL, EML, CODE, TEXT})
ZIP_KINDS = frozenset({ZIP, DOCX, XLSX, PPTX, ODT, EPUB})

# What programs send when they do not know.
CLAIM_NOTHING = frozenset(
    {
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/binary",
        "application/unknown",
        "application/download",
        "application/x-download",
        "application/force-download",
    }
)
_ZIP_NAMES = frozenset({ZIP, "application/x-zip-compressed", "application/x-zip"})
_ANNOUNCED = {
    PDF: frozenset({"application/x-pdf"}),
    RTF: frozenset({"text/rtf", "application/x-rtf", "text/richtext", "application/msword"}),
    HTML: frozenset({"application/xhtml+xml"}),
    MARKDOWN: frozenset({"text/x-markdown"}),
    # Windows announces each .csv by the program that opens it.
    CSV: frozenset({TSV, "application/csv", "text/comma-separated-values", "application/vnd.ms-excel"}),
    TSV: frozenset({CSV, "application/vnd.ms-excel"}),
    JSON: frozenset({"text/json", JSONL}),
    JSONL: frozenset({JSON, "application/x-ndjson", "application/x-jsonlines", "application/jsonlines"}),
    # The system's table of types knows .ts as a film.
    CODE: frozenset({"video/mp2t", JSON}),
}
_CODE_WORDS = ("script", "xml", "sql", "yaml", "toml", "x-sh", "x-php", "x-httpd-php", "graphql", "x-tex")


def claim(declared: str) -> str:
    """A declared Content-Type without its parameters, "" where it claims nothing."""
    name = declared.partition(";")[0].strip().lower()
    return "" if name in CLAIM_NOTHING else name


def fits(claimed: str, media_type: str) -> bool:
    """Whether a claimed type can stand for what a file was found to be."""
    if claimed in ("", media_type) or claimed in _ANNOUNCED.get(media_type, ()):
        return True
    if media_type in ZIP_KINDS and claimed in _ZIP_NAMES:
        return True
    if media_type not in PLAIN_KINDS:
        return False
    if claimed == TEXT or (media_type in (CODE, TEXT) and claimed.startswith("text/x-")):
        return True
    return media_type == CODE and claimed != HTML and _names_code(claimed)


def supported() -> str:
    """The extensions that can be taken in, for a sentence."""
    return ", ".join(DOCUMENT_EXTENSIONS) + " and source code"


def _names_code(claimed: str) -> bool:
    return claimed in ("text/css",) or any(word in claimed for word in _CODE_WORDS)
