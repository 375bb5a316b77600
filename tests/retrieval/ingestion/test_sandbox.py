"""T-22: a hostile file costs a child process and a refusal, and nothing else."""

import gc
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.parsed import BLOCK_CHARS, ParsedBlock, Summary, joined
from retrieval.ingestion.sandbox import ParserPool, parse_file
from tests.retrieval.ingestion.made_files import LIMITS, POISON, archive, parsed, pdf_pages, word

Order = Callable[..., str]  # an order and limits that differ from the usual; gives the text
UNRULY = "tests.retrieval.ingestion.unruly_parsers"
USUAL = ParseLimits(wall_seconds_max=20, cpu_seconds_max=10, memory_bytes_max=400_000_000)
NARROW = ParseLimits(pages_max=20, sections_max=300, text_chars_max=500_000, streamed_chars_max=500_000)


def children() -> set[str]:
    """Processes that this one has started and that still exist, dead or alive."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture(autouse=True)
def no_child_and_no_descriptor_is_left_behind() -> Iterator[None]:
    gc.collect()
    before, descriptors = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert children() <= before
    assert len(os.listdir("/proc/self/fd")) <= descriptors


@pytest.fixture
def unruly(tmp_path: Path) -> Order:
    """Give one order to the unruly parser and read what comes of it."""

    def obey(order: str, **different: int | float) -> str:
        path = tmp_path / "order"
        path.write_text(order)
        with ParserPool(replace(USUAL, **different), parsers_module=UNRULY) as pool:  # type: ignore[arg-type]
            return pool.parse(path, "order.txt").text

    return obey


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (pdf_pages(2), "a.pdf"),
        (word(lambda document: document.add_heading("Hello", 1)), "a.docx"),
        (f"<html><body><h1>Hello</h1><!-- {POISON} --></body></html>".encode(), "a.html"),
        (b"# Hello\n\nworld", "a.md"),
        (b"a,b\n1,2\n", "a.csv"),
        ("Grüße \U0001f600".encode(), "a.txt"),
    ],
)
def test_the_child_reads_what_the_parser_reads(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "0d9f"
    path.write_bytes(content)

    assert replace(parse_file(path, name, LIMITS), language="") == parsed(content, name)


def test_a_refusal_of_the_parser_reaches_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"%PDF-1.7\n")

    with pytest.raises(UnreadableFile, match=r"^a\.pdf is an incomplete PDF: its end is missing"):
        parse_file(path, "a.pdf", LIMITS)


def test_a_parser_that_loops_is_stopped_by_its_cpu_limit(unruly: Order) -> None:
    with pytest.raises(UnreadableFile, match=r"^order\.txt took longer than 1 seconds to read\.$"):
        unruly("loop", cpu_seconds_max=1)


def test_a_parser_that_waits_is_stopped_by_the_clock(unruly: Order) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableFile, match=r"took longer than 0\.5 seconds"):
        unruly("sleep", wall_seconds_max=0.5)

    assert time.monotonic() - begun < 10


def test_a_parser_that_allocates_is_stopped_by_its_memory_limit(unruly: Order) -> None:
    with pytest.raises(UnreadableFile, match="needs more than 400 MB of memory"):
        unruly("allocate")


def test_a_parser_that_crashes_takes_only_its_child_along(unruly: Order) -> None:
    with pytest.raises(UnreadableFile, match="made its reader stop") as caught:
        unruly("crash")

    assert caught.value.__notes__ == ["the child ended by signal 11"]


def test_an_unforeseen_error_names_its_class_and_not_its_words(unruly: Order) -> None:
    with pytest.raises(UnreadableFile, match="is damaged") as caught:
        unruly("raise")

    assert caught.value.__notes__ == ["the parser raised KeyError"]


def test_an_answer_beyond_the_limit_is_not_taken(unruly: Order) -> None:
    with pytest.raises(UnreadableFile, match="more text than can be taken in"):
        unruly("talk", streamed_chars_max=1_000)


def test_the_child_cannot_write_a_file(unruly: Order) -> None:
    assert unruly("write").startswith("refused")


def test_a_parser_reaches_no_network_no_program_no_process_and_no_file_to_write(unruly: Order) -> None:
    tried = json.loads(unruly("escape"))

    assert set(tried["python"].values()) == {"PermissionError"}
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("no filter of system calls is written for this machine")
    assert set(tried["native"].values()) == {"EPERM"}


def test_the_child_sees_no_environment_of_its_parent(unruly: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")

    assert set(json.loads(unruly("environment"))) <= {
        "LANG",
        "LC_CTYPE",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    }


def test_the_child_imports_no_framework_and_no_settings(unruly: Order) -> None:
    modules = json.loads(unruly("modules"))

    assert not [name for name in modules if name.split(".")[0] in ("django", "celery", "ragsite", "accounts")]


def test_a_pool_reads_many_files_in_one_child_and_replaces_it_after_a_failure(tmp_path: Path) -> None:
    orders = {order: tmp_path / order for order in ("obey", "crash", "sleep")}
    for order, path in orders.items():
        path.write_text(f"{order} please")
    limits = ParseLimits(wall_seconds_max=2, memory_bytes_max=400_000_000)
    others = children()
    with ParserPool(limits, parsers_module=UNRULY) as pool:
        pool.parse(orders["obey"], "a.txt")
        first = children() - others
        pool.parse(orders["obey"], "a.txt")
        assert children() - others == first
        assert len(first) == 1
        for order in ("crash", "sleep"):
            with pytest.raises(UnreadableFile):
                pool.parse(orders[order], "a.txt")
            assert pool.parse(orders["obey"], "a.txt").text == "obey please"
        assert children().isdisjoint(first)


def test_a_refused_file_does_not_cost_the_child(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("Hello")
    bad.write_bytes(b"\x00\x01")
    with ParserPool(LIMITS) as pool:
        pool.parse(good, "a.txt")
        first = children()
        with pytest.raises(UnreadableFile):
            pool.parse(bad, "a.txt")
        assert pool.parse(good, "a.txt").text == "Hello"
        assert children() == first


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "/etc/passwd.txt", "a\x00.txt", "..", "\udcff.txt", "a" * 9_000 + ".txt"]
)
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    path = tmp_path / "0d9f"
    path.write_text("Only this")

    assert parse_file(path, name, LIMITS).text == "Only this"


def test_links_folders_pipes_and_missing_files_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "link", "it is a link"),
        (tmp_path / "pipe", "is not a file"),
        (tmp_path, "is not a file"),
        (tmp_path / "absent", "No such file"),
        (Path("a\x00b"), "makes no sense"),
    ):
        with pytest.raises(UnreadableFile, match=reason):
            parse_file(path, "a.txt", LIMITS)


def test_a_file_beyond_the_limit_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 3_000_000)

    with pytest.raises(UnreadableFile, match=r"a\.txt has 3\.0 MB; a file may have 2 MB\. Split it\."):
        parse_file(path, "a.txt", ParseLimits(file_bytes_max=2_000_000))


def test_a_page_of_deep_but_allowed_nesting_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"<html><body>" + b"<div>" * 240 + b"deep" + b"</div>" * 240)

    assert parse_file(path, "a.html", LIMITS).text == "deep"


def test_a_file_beyond_a_limit_of_its_format_ends_in_a_refusal(tmp_path: Path) -> None:
    files = {
        "a.docx": archive([("[Content_Types].xml", b"<x/>"), ("word/document.xml", b" " * 40_000_000)]),
        "a.html": b"<html>" + b"<b>" * 100_000,
        "a.csv": b"a,b\n1," + b"x" * 1_000_000,
        "a.pdf": pdf_pages(30),
        "a.md": b"# x\n" * 400,
        "a.txt": b"x " * 300_000,
    }
    with ParserPool(NARROW) as pool:
        for name, content in files.items():
            path = tmp_path / name
            path.write_bytes(content)
            with pytest.raises(UnreadableFile):
                pool.parse(path, name)


@pytest.mark.parametrize(
    ("order", "limits", "reason"),
    [
        ("endless", {"streamed_chars_max": 100_000}, "holds more text than can be taken in"),
        ("pages", {"wall_seconds_max": 1, "seconds_per_page": 0, "cpu_seconds_max": 30}, "took longer than"),
        ("stay", {}, "the reader's answer made no sense"),
        ("forget", {}, "is damaged"),
        ("pause", {"wall_seconds_max": 1}, "took longer than 1 seconds"),
        ("skip", {}, "the reader's answer made no sense"),
        ("hide", {}, "holds more text than can be taken in"),
        ("swell", {}, "the reader's answer made no sense"),
    ],
)
def test_a_parser_that_answers_wrongly_or_without_end_is_stopped_and_the_next_file_is_read(
    tmp_path: Path, order: str, limits: dict[str, float], reason: str
) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_text(order)
    good.write_text("obey please")
    with ParserPool(replace(USUAL, **limits), parsers_module=UNRULY) as pool:  # type: ignore[arg-type]
        with pytest.raises(UnreadableFile, match=reason):
            pool.parse(bad, "bad.txt")
        assert pool.parse(good, "good.txt").text == "obey please"


def test_a_file_comes_in_blocks_that_follow_each_other_and_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("A line of a long text, which goes on and on.\n" * 20_000)
    with ParserPool(LIMITS) as pool:
        *others, summary = pool.read(path, "a.txt")
    blocks = [frame for frame in others if isinstance(frame, ParsedBlock)]

    assert isinstance(summary, Summary)
    assert len(blocks) == len(others)
    assert len(blocks) > 2
    assert "".join(block.text for block in blocks) == path.read_text().strip()
    assert summary.text_chars == 900_000 - 1
    assert summary.language == "en"
    for block in blocks:
        assert len(block.text) <= BLOCK_CHARS
        assert block.sections[0].start_char == block.start_char


def test_a_descriptor_is_read_from_its_start_and_stays_open() -> None:
    with tempfile.TemporaryFile() as unlinked, ParserPool(LIMITS) as pool:
        unlinked.write(b"Hello")
        unlinked.flush()

        assert joined(pool.read(unlinked.fileno(), "a.txt")).text == "Hello"
        assert os.fstat(unlinked.fileno()).st_size == 5


def test_a_file_left_half_read_does_not_disturb_the_next(tmp_path: Path) -> None:
    long, short = tmp_path / "long", tmp_path / "short"
    long.write_text("words and words\n" * 100_000)
    short.write_text("Hello")
    with ParserPool(LIMITS) as pool:
        frames = pool.read(long, "a.txt")
        next(frames)

        assert pool.parse(short, "b.txt").text == "Hello"
        frames.close()
        assert pool.parse(short, "b.txt").text == "Hello"


def test_pages_are_told_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    told: list[int] = []
    path.write_bytes(pdf_pages(4))
    with ParserPool(LIMITS) as pool:
        for _ in pool.read(path, "a.pdf", on_pages=told.append):
            continue

    assert told == [1, 2, 3, 4]


def peak_of(child: str) -> int:
    """The most memory that a process has held, in MB."""
    status = Path(f"/proc/{child}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024  # type: ignore[index]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("The traveller asks before the journey.\n", "a.txt"),
        ("unbroken", "b.txt"),
        ("one,two,three\n", "c.csv"),
    ],
)
def test_memory_does_not_grow_with_a_text(tmp_path: Path, line: str, name: str) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_text(line * 1_000)
    large.write_text(line * (15_000_000 // len(line)))
    others = children()
    with ParserPool(LIMITS) as pool:
        chars = sum(len(frame.text) for frame in pool.read(small, name) if isinstance(frame, ParsedBlock))
        (child,) = children() - others
        Path(f"/proc/{child}/clear_refs").write_text("5")  # forget the peak of its start
        before = peak_of(child)
        chars = sum(len(frame.text) for frame in pool.read(large, name) if isinstance(frame, ParsedBlock))
        assert chars >= 14_000_000
        assert peak_of(child) - before < 12
