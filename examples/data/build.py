"""Writes the PDF and DOCX files of the demonstration documents from the texts under sources/.

Run it after changing a source: `python examples/data/build.py [FOLDER]`. The same sources give the same
files with the same releases of reportlab and python-docx, so that a rebuild leaves no difference behind.
"""

import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import docx
from docx.document import Document
from docx.enum.text import WD_BREAK
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph as DocxParagraph
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

HERE = Path(__file__).parent
WRITTEN_ON = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # fixed, or each rebuild would differ
AUTHORS = {"acme/inbox": "Pendrake Metrology", "acme": "Acme Instruments", "globex": "Globex Health"}
PDF_SOURCES = (
    "acme/policies/expenses",
    "acme/policies/information-security",
    "acme/hr/personnel-file-0417",
    "acme/contracts/supplier-agreement-lodestar",
    "acme/products/libra-220-manual",
    "globex/policies/infection-control",
)
DOCX_SOURCES = (
    "acme/policies/travel",
    "acme/policies/data-protection",
    "acme/hr/salary-bands",
    "acme/hr/performance-review",
    "acme/contracts/lease-harbour-street",
    "acme/inbox/calibration-offer",
    "globex/policies/patient-confidentiality",
    "globex/contracts/laboratory-services",
)

BlockKind = Literal["title", "heading", "paragraph", "numbered", "bullet", "table", "page_break", "comment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One piece of a source text. `rows` is filled for tables only, `text` for all but page breaks."""

    kind: BlockKind
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


LINE_KINDS: tuple[tuple[re.Pattern[str], BlockKind], ...] = (
    (re.compile(r"# (.+)"), "title"),
    (re.compile(r"## (.+)"), "heading"),
    (re.compile(r"(\d+\. .+)"), "numbered"),
    (re.compile(r"- (.+)"), "bullet"),
    (re.compile(r"\\(pagebreak)"), "page_break"),
    (re.compile(r"<!-- (.+) -->"), "comment"),
)


def line_block(line: str) -> Block:
    """Read one line that is not part of a table."""
    for pattern, kind in LINE_KINDS:
        if match := pattern.fullmatch(line):
            return Block(kind=kind, text=match[1])
    return Block(kind="paragraph", text=line)


def table_block(lines: list[str]) -> Block:
    """Read the lines of a table; the second one only separates the header from the body."""
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return Block(kind="table", rows=(rows[0], *rows[2:]))


def read_blocks(text: str) -> Iterator[Block]:
    """Cut a source text into blocks, in order; every line outside a table is a block of its own."""
    table: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
            continue
        if table:
            yield table_block(table)
            table = []
        if line:
            yield line_block(line)


# --- PDF ------------------------------------------------------------------------------------------

STYLES = getSampleStyleSheet()
GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)
PDF_STYLE_NAMES = {"title": "Title", "heading": "Heading2", "numbered": "BodyText", "bullet": "BodyText"}


def pdf_table(block: Block) -> Table:
    cells = [[Paragraph(escape(cell), STYLES["BodyText"]) for cell in row] for row in block.rows]
    return Table(cells, style=GRID, repeatRows=1, spaceBefore=2 * mm, spaceAfter=4 * mm)


def pdf_flowable(block: Block) -> Flowable:
    """The block as reportlab draws it. Raises ValueError for a comment, which a PDF here cannot carry."""
    match block.kind:
        case "table":
            return pdf_table(block)
        case "page_break":
            return PageBreak()
        case "comment":
            raise ValueError("Comments are written into DOCX files only.")
        case "bullet":
            return Paragraph(escape(block.text), STYLES["BodyText"], bulletText="\u2022")
        case _:
            return Paragraph(escape(block.text), STYLES[PDF_STYLE_NAMES.get(block.kind, "BodyText")])


def write_pdf(blocks: list[Block], author: str, target: Path) -> None:
    """Write A4 pages without compression, so that the bytes do not depend on the zlib in use."""
    template = SimpleDocTemplate(
        str(target),
        pagesize=A4,
        title=blocks[0].text,
        author=author,
        invariant=1,
        pageCompression=0,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
    )
    template.build([*map(pdf_flowable, blocks), Spacer(1, 1 * mm)])


# --- DOCX -----------------------------------------------------------------------------------------

DOCX_STYLE_NAMES = {"title": "Title", "heading": "Heading 1", "bullet": "List Bullet", "numbered": "Normal"}


def add_table(document: Document, block: Block) -> None:
    table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
    for row in block.rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def add_comment(document: Document, on: DocxParagraph, text: str, author: str) -> None:
    comment = document.add_comment(on.runs, text=text, author=author, initials="")
    comment._comment_elm.set(qn("w:date"), WRITTEN_ON.strftime("%Y-%m-%dT%H:%M:%SZ"))


def add_block(document: Document, block: Block, author: str) -> None:
    """Append the block; a comment is attached to the last paragraph before it."""
    match block.kind:
        case "table":
            add_table(document, block)
        case "page_break":
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        case "comment":
            add_comment(document, document.paragraphs[-1], block.text, author)
        case _:
            document.add_paragraph(block.text, style=DOCX_STYLE_NAMES.get(block.kind, "Normal"))


def with_fixed_times(archive: bytes) -> bytes:
    """The same zip archive with every member dated WRITTEN_ON instead of now."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, date_time=WRITTEN_ON.timetuple()[:6])
            new.writestr(member, old.read(name), compress_type=zipfile.ZIP_DEFLATED)
    return result.getvalue()


def write_docx(blocks: list[Block], author: str, target: Path) -> None:
    """Write a Word file with real headings, tables and comments."""
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = blocks[0].text, author, ""
    properties.created = properties.modified = WRITTEN_ON.replace(tzinfo=None)
    for block in blocks:
        add_block(document, block, author)
    archive = io.BytesIO()
    document.save(archive)
    target.write_bytes(with_fixed_times(archive.getvalue()))


def author_of(name: str) -> str:
    """Who wrote a source: the first entry of AUTHORS that its name begins with."""
    return next(author for prefix, author in AUTHORS.items() if name.startswith(prefix))


def build(folder: Path) -> list[Path]:
    """Write all PDF and DOCX files below the folder and return their paths."""
    written = []
    writers: tuple[tuple[tuple[str, ...], str, Callable[[list[Block], str, Path], None]], ...] = (
        (PDF_SOURCES, ".pdf", write_pdf),
        (DOCX_SOURCES, ".docx", write_docx),
    )
    for names, suffix, write in writers:
        for name in names:
            target = folder / f"{name}{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            source = (HERE / "sources" / f"{name}.md").read_text(encoding="utf-8")
            write(list(read_blocks(source)), author_of(name), target)
            written.append(target)
    return written


if __name__ == "__main__":
    for path in build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(path)
