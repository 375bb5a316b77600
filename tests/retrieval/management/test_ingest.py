"""`manage.py ingest`: files into a collection, with what became of each, safe to be run again."""

import json
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.database import managing
from retrieval.ingestion.bulk import Taken
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.progress import batches_among
from retrieval.ingestion.sandbox import ParserPool
from retrieval.ingestion.scan.files import Scanner
from retrieval.management.commands import ingest
from retrieval.management.commands.ingest import Meter
from retrieval.models import Collection, Document, Ingestion
from tests.factories import a_collection, a_tenant
from tests.retrieval.ingestion.parts import WordEncoder, some_ingestion, texts_of

TEXT = "The lighthouse is painted every second year.\n"


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """The real scanner and parser, a process for each file; the encoder knows words."""
    limits = ParseLimits(file_bytes_max=1_000_000)

    def scan(descriptor, name, declared_type):
        with Scanner("", limits) as scanner:
            return scanner.scan(descriptor, name, declared_type)

    def read(descriptor, name, on_pages):
        with ParserPool(limits) as pool:
            yield from pool.read(descriptor, name, on_pages=on_pages)

    made = some_ingestion(scan=scan, read=read)
    monkeypatch.setattr(ingest, "ingestion_components", lambda: made)
    return made


@pytest.fixture
def place(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.RAGSITE_HOME = tmp_path


@pytest.fixture
def shelf(db, place) -> Collection:
    return a_collection(a_tenant(), name="Notes")


@pytest.fixture
def folder(tmp_path) -> Path:
    inbox = tmp_path / "inbox"
    (inbox / "deep").mkdir(parents=True)
    (inbox / "a.txt").write_text(TEXT)
    (inbox / "deep" / "b.md").write_text("# Heading\n\nUnder it.\n")
    (inbox / ".hidden").write_text("nobody's")
    return inbox


def run(shelf: Collection, *arguments: object) -> tuple[int, str, str]:
    """(exit status, what was printed, what was said besides)."""
    out, said = StringIO(), StringIO()
    named = ("--tenant", shelf.tenant.slug, "--collection", shelf.name)
    try:
        call_command("ingest", *map(str, arguments), *named, stdout=out, stderr=said)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue(), said.getvalue().strip()
    return 0, out.getvalue(), said.getvalue().strip()


def lines(printed: str) -> list[dict]:
    return [json.loads(line) for line in printed.splitlines()]


def documents_of(shelf: Collection) -> list[Document]:
    with managing(shelf.tenant_id):
        return list(Document.objects.filter(tenant_id=shelf.tenant_id).order_by("source_name"))


def test_a_folder_is_taken_in_with_its_paths_and_hidden_files_are_left_out(shelf, folder):
    status, printed, said = run(shelf, folder)

    assert (status, said) == (0, "2 indexed.")
    assert [document.source_name for document in documents_of(shelf)] == ["a.txt", "deep/b.md"]
    assert all(line.startswith("indexed") for line in printed.splitlines())


def test_run_again_it_does_nothing_over(shelf, folder, parts):
    run(shelf, folder)
    (encoder,) = parts.encoders()
    encoded = list(encoder.encoded)
    status, _, said = run(shelf, folder)

    assert (status, said) == (0, "2 unchanged.")
    assert encoder.encoded == encoded


def test_run_again_it_takes_in_what_was_mended_and_what_changed(shelf, folder):
    (folder / "a.txt").write_bytes(b"")
    assert run(shelf, folder)[0] == 1
    (folder / "a.txt").write_text(TEXT)
    (folder / "deep" / "b.md").write_text("# Heading\n\nOther words.\n")

    assert run(shelf, folder)[2] == "2 indexed."
    with managing(shelf.tenant_id):
        assert Ingestion.objects.filter(state="indexed").count() == 3


def test_run_again_it_goes_on_with_what_was_interrupted(shelf, folder, monkeypatch, parts):
    class Dying(WordEncoder):
        def encode(self, texts):
            raise KeyboardInterrupt

    (folder / "deep" / "b.md").unlink()
    whole = parts
    monkeypatch.setattr(ingest, "ingestion_components", lambda: some_ingestion(encoder=Dying()))
    with pytest.raises(KeyboardInterrupt):
        run(shelf, folder)
    with managing(shelf.tenant_id):
        Ingestion.objects.update(state="received", lease_token=None, lease_until=None)
        Document.objects.update(status="received")
    monkeypatch.setattr(ingest, "ingestion_components", lambda: whole)

    assert run(shelf, folder)[2] == "1 indexed."
    assert texts_of(documents_of(shelf)[0]) == [TEXT.strip()]


def test_a_json_line_names_batch_document_and_seconds(shelf, folder):
    _, printed, _ = run(shelf, folder, "--json")
    told = lines(printed)
    batch = uuid.UUID(told[0]["batch"])

    assert {line["batch"] for line in told} == {str(batch)}
    assert {line["document"] for line in told} == {str(document.pk) for document in documents_of(shelf)}
    assert all(line["outcome"] == "indexed" and line["chunks"] >= 1 and line["seconds"] > 0 for line in told)
    assert batches_among(shelf.tenant_id, [batch])[batch].done == 2


def test_a_look_beforehand_says_what_would_be_done_and_does_none_of_it(shelf, folder):
    (folder / "empty.txt").write_bytes(b"")
    status, printed, _ = run(shelf, folder, "--dry-run", "--json")

    assert status == 1
    assert [line["outcome"] for line in lines(printed)] == ["new", "new", "failed"]
    assert documents_of(shelf) == []


def test_a_look_beforehand_tells_changed_from_unchanged(shelf, folder):
    run(shelf, folder)
    (folder / "a.txt").write_text("Other words.")

    assert [line["outcome"] for line in lines(run(shelf, folder, "--dry-run", "--json")[1])] == [
        "changed",
        "unchanged",
    ]


def test_one_that_fails_stops_none_of_the_others(shelf, folder):
    (folder / "a.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    status, printed, said = run(shelf, folder, "--json")
    reasons = {Path(line["path"]).name: line["reason"] for line in lines(printed)}

    assert (status, said) == (1, "1 failed, 2 indexed.")
    assert "a.pdf" in reasons["a.pdf"]


def test_where_nothing_could_be_taken_in_the_status_is_two(shelf, folder):
    (folder / "a.txt").write_bytes(b"")
    (folder / "deep" / "b.md").unlink()

    assert run(shelf, folder)[0] == 2


def test_a_quarantined_file_is_said_to_be_one(shelf, folder):
    (folder / "a.txt").write_text("POISON")

    assert run(shelf, folder)[::2] == (1, "1 indexed, 1 quarantined.")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"path": "nowhere"}, "There is no file or folder"),
        ({"--tenant": "nobody"}, "There is no tenant 'nobody'"),
        ({"--collection": "Nowhere"}, "has no collection 'Nowhere'. It has: Notes."),
        ({"--jobs": "0"}, "--jobs takes a number from 1 to 32."),
        ({"--jobs": "33"}, "--jobs takes a number from 1 to 32."),
        ({"--jobs": "two"}, "invalid int value: 'two'"),
        ({"--sensitivity": "secret"}, "invalid choice: 'secret'"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "=".join(*value.items()),
)
def test_a_mistake_in_an_argument_is_one_sentence_and_status_two(shelf, folder, changed, said):
    named = {"path": str(folder), "--tenant": shelf.tenant.slug, "--collection": shelf.name} | changed
    path = named.pop("path")
    with pytest.raises(CommandError) as mistake:
        call_command("ingest", path, *[word for pair in named.items() for word in pair])

    assert said in str(mistake.value)
    assert mistake.value.returncode == 2 or "invalid" in said  # from a shell, argparse itself leaves with 2
    assert documents_of(shelf) == []


def test_a_folder_without_files_is_a_mistake(shelf, tmp_path):
    (tmp_path / "bare").mkdir()
    with pytest.raises(CommandError, match="There are no files to take in"):
        run(shelf, tmp_path / "bare")


def test_a_collection_of_another_tenant_is_as_absent_as_one_of_nobody(shelf, folder):
    a_collection(a_tenant("elsewhere"), name="Theirs")
    with pytest.raises(CommandError, match=r"has no collection 'Theirs'\. It has: Notes\."):
        call_command("ingest", str(folder), "--tenant", shelf.tenant.slug, "--collection", "Theirs")


@pytest.mark.parametrize(
    ("done", "chunks", "seconds", "said"),
    [
        (0, 0, 5.0, ""),
        (1, 0, 2.0, "0 chunks, a few seconds left"),
        (2, 400, 40.0, "400 chunks, 10 a second, about 40 seconds left"),
        (4, 400, 40.0, "400 chunks, 10 a second"),
    ],
    ids=["nothing yet", "nothing new", "half", "all"],
)
def test_the_bar_says_chunks_rate_and_time_left(done, chunks, seconds, said):
    meter = Meter(files=4, begun=100.0)
    for _ in range(done):
        meter = meter.after(Taken(path=Path("x"), outcome="indexed", chunks=chunks // done))

    assert meter.words(100.0 + seconds) == said


def test_several_at_once_take_in_each_file_once(committed, settings, tmp_path, folder):
    settings.MEDIA_ROOT, settings.RAGSITE_HOME = tmp_path / "files", tmp_path
    shelf = a_collection(a_tenant(), name="Notes")
    for n in range(4):
        (folder / f"{n}.txt").write_text(f"Words of file {n}.")
    status, printed, said = run(shelf, folder, "--jobs", 2, "--json")

    assert (status, said) == (0, "6 indexed.")
    assert len({line["document"] for line in lines(printed)}) == len(documents_of(shelf)) == 6
