"""Text recognition by a program beside the reader: what it says becomes text, and its faults cost a page."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.sandbox import ParserPool
from tests.retrieval.ingestion.made_files import pdf

LIMITS = ParseLimits(ocr_seconds_max=3.0)
# Speaks the command line of tesseract: a picture comes in, words and their boxes in pixels go out.
PROGRAM = """#!{python} -I
import json, os, socket, sys, time
arguments = sys.argv[1:]
assert arguments[:3] == ["stdin", "stdout", "--dpi"] and arguments[-1] == "tsv", arguments
magic, width, height, shades = sys.stdin.buffer.readline().split()
pixels = sys.stdin.buffer.read()
assert magic == b"P5" and len(pixels) == int(width) * int(height)
width, height = int(width), int(height)
def line(number, words, top, confidence=95):
    for place, word in enumerate(words.split(), start=1):
        left = width // 10 + place * width // 100
        row = (5, 1, 1, 1, number, place, left, top, width // 200, height // 50, confidence, word)
        print(*row, sep="\\t")
print("level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height",
      "conf", "text", sep="\\t")
{behaviour}
"""
READS = """line(1, "Read from a picture", height // 4)
line(2, "in " + arguments[arguments.index("-l") + 1], height // 2)
line(3, "a speck", height // 2, confidence=3)"""
CONNECTS = """try:
    socket.socket()
    line(1, "online", 0)
except OSError:
    line(1, "offline with " + " ".join(sorted(os.environ)), 0)"""


@pytest.fixture
def tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a program of that name which behaves as told."""

    def installed(behaviour: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "tesseract"
        program.write_text(PROGRAM.format(python=sys.executable, behaviour=behaviour))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return installed


def draw(canvas: Canvas) -> None:
    """A page with words, then one that is a picture."""
    canvas.drawString(72, 700, "Words of the first page.")
    canvas.showPage()
    canvas.rect(60, 640, 400, 30, fill=1)
    canvas.showPage()


def read(tmp_path: Path, content: bytes, **options: str) -> ParsedDocument:
    path = tmp_path / "x"
    path.write_bytes(content)
    with ParserPool(LIMITS, **options) as pool:
        return pool.parse(path, "a.pdf")


def test_a_picture_is_read_and_each_line_knows_its_place(tesseract, tmp_path: Path) -> None:
    tesseract(READS)
    document = read(tmp_path, pdf(draw), ocr_languages="eng+deu")

    assert document.text == "Words of the first page.\nRead from a picture in eng+deu"
    assert document.ocr
    assert document.pages_without_text == ()
    assert [section.page for section in document.sections] == [1, 2]
    first, second = document.regions[1:]
    assert document.text[first.start_char : first.end_char] == "Read from a picture"
    assert (first.page, first.left, first.top) == (
        2,
        pytest.approx(0.11, abs=0.01),
        pytest.approx(0.25, abs=0.01),
    )
    assert second.top == pytest.approx(0.5, abs=0.01)


def test_the_program_has_no_network_and_none_of_our_environment(
    tesseract, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")
    tesseract(CONNECTS)

    assert read(tmp_path, pdf(draw)).text.endswith("offline with LANG OMP_THREAD_LIMIT PATH")


@pytest.mark.parametrize(
    "behaviour",
    [
        "time.sleep(3600)",
        "sys.exit(1)",
        "os.abort()",
        "while True: line(1, 'again ' * 1_000, 0)",
        "held = [bytearray(50_000_000) for _ in range(100)]",
        "print('no table at all')",
        "print('5\\t1\\t1\\t1\\t1\\t1\\tx\\ty\\tz\\t1\\tnan?\\tword')",
        "os.close(1); time.sleep(3600)",
    ],
    ids=["waits", "fails", "crashes", "endless", "memory", "no table", "nonsense", "silent"],
)
def test_a_program_that_fails_costs_its_page_and_not_the_document(
    tesseract, tmp_path: Path, behaviour: str
) -> None:
    tesseract(behaviour)
    document = read(tmp_path, pdf(draw))

    assert document.text == "Words of the first page."
    assert document.pages_without_text == (2,)
    assert not document.ocr


def test_a_scan_on_which_nothing_is_recognised_says_so(tesseract, tmp_path: Path) -> None:
    tesseract("pass")

    with pytest.raises(
        UnreadableFile, match="its page is a picture without text, and none could be recognised"
    ):
        read(tmp_path, pdf(lambda canvas: canvas.rect(60, 640, 400, 30, fill=1)))


def test_languages_are_never_other_arguments(tesseract, tmp_path: Path) -> None:
    tesseract(READS)

    with pytest.raises(ValueError, match="does not name languages"):
        ParserPool(LIMITS, ocr_languages="eng --user-words /etc/passwd")


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
def test_the_real_program_reads_a_picture_of_words(tmp_path: Path) -> None:
    import pypdfium2

    page = pypdfium2.PdfDocument(pdf(lambda canvas: canvas.drawString(72, 700, "Recognised words")))[0]
    image = tmp_path / "page.png"
    page.render(scale=4).to_pil().save(image)
    scan = pdf(lambda canvas: canvas.drawImage(str(image), 0, 0, 595, 842))

    assert "Recognised words" in read(tmp_path, scan).text
