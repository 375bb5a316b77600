"""A corpus of files in every format, the same for the same seed: `write_corpus(folder, 2_000)`."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from tests.retrieval.ingestion import made_files

# Sizes as they are in an organisation's drive: most files have a page or two, some have twenty.
PARAGRAPHS = (4, 6, 8, 12, 40)
WORDS = [
    "the",
    "budget",
    "of",
    "a",
    "department",
    "covers",
    "travel",
    "training",
    "and",
    "equipment",
    "for",
    "every",
    "employee",
    "in",
    "the",
    "office",
    "customers",
    "receive",
    "a",
    "written",
    "answer",
    "within",
    "ten",
    "working",
    "days",
    "after",
    "their",
    "complaint",
    "was",
    "registered",
    "a",
    "nurse",
    "records",
    "each",
    "dose",
    "in",
    "the",
    "chart",
    "before",
    "leaving",
    "the",
    "room",
    "and",
    "signs",
    "with",
    "name",
    "and",
    "time",
    "contracts",
    "longer",
    "than",
    "two",
    "years",
    "need",
    "approval",
    "by",
    "the",
    "board",
    "and",
    "a",
    "review",
    "of",
    "data",
    "protection",
    "when",
    "the",
    "alarm",
    "sounds",
    "leave",
    "the",
    "building",
    "by",
    "the",
    "nearest",
    "exit",
    "and",
    "meet",
    "at",
    "the",
    "parking",
    "lot",
]


class Writer:
    """Sentences, paragraphs and rows drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def sentence(self) -> str:
        words = self._random.choices(WORDS, k=self._random.randint(8, 18))
        return " ".join(words).capitalize() + f" in case {self._random.randint(1, 99_999)}."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self._random.randint(3, 6)))

    def paragraphs(self) -> list[str]:
        return [self.paragraph() for _ in range(self._random.choice(PARAGRAPHS))]

    def rows(self) -> list[list[str]]:
        body = [[str(n), self.sentence(), str(self._random.randint(1, 9_999))] for n in range(30)]
        return [["Number", "Description", "Amount"], *body]


def text(writer: Writer) -> bytes:
    return "\n\n".join(writer.paragraphs()).encode()


def markdown(writer: Writer) -> bytes:
    return "\n\n".join(f"## Part {n}\n\n{body}" for n, body in enumerate(writer.paragraphs())).encode()


def html(writer: Writer) -> bytes:
    body = "".join(f"<h2>Part {n}</h2><p>{words}</p>" for n, words in enumerate(writer.paragraphs()))
    return f"<!doctype html><html><head><title>Handbook</title></head><body>{body}</body></html>".encode()


def pdf(writer: Writer) -> bytes:
    def draw(canvas: Canvas) -> None:
        height = 780.0
        for paragraph in writer.paragraphs():
            for line in simpleSplit(paragraph, "Helvetica", 12, 470):
                if height < 60:
                    canvas.showPage()
                    canvas.setFont("Helvetica", 12)
                    height = 780.0
                canvas.drawString(60, height, line)
                height -= 16

    return made_files.pdf(draw)


def word(writer: Writer) -> bytes:
    def write(document: made_files.Document) -> None:
        for number, paragraph in enumerate(writer.paragraphs()):
            document.add_heading(f"Part {number}", 2)
            document.add_paragraph(paragraph)

    return made_files.word(write)


def excel(writer: Writer) -> bytes:
    def write(book: made_files.Workbook) -> None:
        for row in writer.rows():
            book.active.append(row)

    return made_files.workbook(write)


def slides(writer: Writer) -> bytes:
    def write(show: made_files.Presentation) -> None:
        for number, paragraph in enumerate(writer.paragraphs()):
            slide = show.slides.add_slide(show.slide_layouts[1])
            slide.shapes.title.text = f"Slide {number}"
            slide.placeholders[1].text = paragraph

    return made_files.slides(write)


def table(delimiter: str) -> Callable[[Writer], bytes]:
    def write(writer: Writer) -> bytes:
        target = io.StringIO()
        csv.writer(target, delimiter=delimiter).writerows(writer.rows())
        return target.getvalue().encode()

    return write


def records(writer: Writer) -> list[dict[str, str]]:
    header, *rows = writer.rows()
    return [dict(zip(header, row, strict=True)) for row in rows]


def letter(writer: Writer) -> bytes:
    return made_files.letter("\n\n".join(writer.paragraphs()), attachments={"notes.txt": text(writer)})


def book(writer: Writer) -> bytes:
    return made_files.book({f"Chapter {n}": f"<p>{body}</p>" for n, body in enumerate(writer.paragraphs())})


def rich_text(writer: Writer) -> bytes:
    return ("{\\rtf1\\ansi " + "\\par ".join(writer.paragraphs()) + "}").encode()


def code(writer: Writer) -> bytes:
    return "\n\n".join(
        f'def part_{n}():\n    """{words}"""\n    return {n}' for n, words in enumerate(writer.paragraphs())
    ).encode()


def archive(writer: Writer) -> bytes:
    return made_files.archive([("one.txt", text(writer)), ("more/two.md", markdown(writer))])


FORMATS: dict[str, Callable[[Writer], bytes]] = {
    "txt": text,
    "md": markdown,
    "html": html,
    "pdf": pdf,
    "docx": word,
    "xlsx": excel,
    "pptx": slides,
    "csv": table(","),
    "tsv": table("\t"),
    "json": lambda writer: json.dumps(records(writer)).encode(),
    "jsonl": lambda writer: "\n".join(map(json.dumps, records(writer))).encode(),
    "eml": letter,
    "epub": book,
    "rtf": rich_text,
    "py": code,
    "zip": archive,
}


def write_corpus(folder: Path, documents: int) -> list[Path]:
    """Write that many files, the formats in turn."""
    extensions = list(FORMATS)
    paths = []
    for number in range(documents):
        extension = extensions[number % len(extensions)]
        path = folder / f"{number:05}.{extension}"
        path.write_bytes(FORMATS[extension](Writer(number)))
        paths.append(path)
    return paths


def write_large_text(path: Path, size_bytes: int) -> None:
    """One text file of about that size."""
    writer, written = Writer(0), 0
    block = "\n\n".join(writer.paragraph() for _ in range(2_000))
    with path.open("w") as target:
        while written < size_bytes:
            written += target.write(f"Volume at {written}.\n\n{block}\n\n")
