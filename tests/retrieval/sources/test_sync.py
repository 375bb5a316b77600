"""A run of a source: what it takes in, what it leaves alone, what goes, and what stops it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.database import managing
from compliance.models import AuditEntry
from retrieval.models import Document, Source
from retrieval.sources import Checkpoint, Skipped, Vanished
from retrieval.sources.intake import document_name
from retrieval.sources.leases import LeaseLost, SourceBusy, claim
from retrieval.sources.sync import Run
from tests.factories import a_collection
from tests.retrieval.sources.places import BROKEN, ListedConnector, a_file

pytestmark = pytest.mark.django_db


def test_what_is_new_is_taken_in_and_what_is_unchanged_is_not_fetched_again(place):
    first = place.run(a_file("a.txt"), a_file("deep/b.txt"))
    second = place.run(a_file("a.txt", error=AssertionError()), a_file("deep/b.txt", error=AssertionError()))

    assert first.counts == {"added": 2, "changed": 0, "unchanged": 0, "removed": 0, "failed": 0}
    assert second.counts == {"added": 0, "changed": 0, "unchanged": 2, "removed": 0, "failed": 0}
    assert place.names == ["a.txt", "deep › b.txt"]
    assert place.text("deep › b.txt") == "words of deep/b.txt"


def test_every_new_document_is_handed_to_a_worker(place, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        place.run(a_file("a.txt"))

    assert place.dispatched == [(place.tenant.pk, place.documents["a.txt"].pk)]


def test_a_changed_document_is_taken_anew_and_stays_the_same_document(place):
    place.run(a_file("a.txt", "old"))
    before = place.documents["a.txt"].pk
    report = place.run(a_file("a.txt", "new", version="2"))

    assert report.changed == 1
    assert place.text("a.txt") == "new"
    assert place.documents["a.txt"].pk == before


def test_a_renamed_document_stays_the_same_document(place):
    place.run(a_file("a.txt", external_id="7"))
    before = place.documents["a.txt"].pk
    place.run(a_file("b.txt", version="2", external_id="7"))

    assert {name: document.pk for name, document in place.documents.items()} == {"b.txt": before}


def test_what_is_no_longer_there_goes(place):
    place.run(a_file("a.txt"), a_file("b.txt"), a_file("c.txt"))
    report = place.run(a_file("a.txt"))

    assert report.removed == 2
    assert place.names == ["a.txt"]
    assert list(place.items) == ["a.txt"]


def test_a_listing_that_breaks_off_removes_nothing(place):
    place.run(a_file("a.txt"), a_file("b.txt"))
    report = place.run(a_file("c.txt"), BROKEN)

    assert report.outcome is Source.Outcome.FAILED
    assert report.problem == str(BROKEN)
    assert place.names == ["a.txt", "b.txt", "c.txt"]


def test_a_listing_that_breaks_off_keeps_the_cursor_it_had(place):
    place.run(Checkpoint(cursor={"since": 1}))
    place.run(Checkpoint(cursor={"since": 2}), BROKEN)

    assert place.source.cursor == {"since": 1}


def test_a_listing_that_is_suddenly_empty_asks_a_person(place):
    place.run(a_file("a.txt"))
    report = place.run()

    assert report.outcome is Source.Outcome.UNCONFIRMED
    assert report.removals_asked == 1
    assert place.names == ["a.txt"]


def a_shelf(count: int) -> list:
    return [a_file(f"{number}.txt") for number in range(count)]


@pytest.mark.parametrize(("there", "left", "asked"), [(22, 11, 0), (22, 10, 12), (20, 9, 0), (20, 1, 0)])
def test_a_listing_that_lost_over_half_of_many_asks_a_person(place, there, left, asked):
    place.run(*a_shelf(there))
    report = place.run(*a_shelf(left))

    assert report.removals_asked == asked
    assert len(place.names) == (there if asked else left)


def test_what_a_person_agreed_to_goes_once(place):
    place.run(*a_shelf(24))
    asked = place.run(*a_shelf(2)).removals_asked
    with managing(place.tenant.pk):
        Source.objects.filter(pk=place.pk).update(removals_agreed=asked)
    report = place.run(*a_shelf(2))

    assert report.removed == 22
    assert len(place.names) == 2
    assert place.source.removals_agreed == 0


def test_more_than_a_person_agreed_to_asks_again(place):
    place.run(*a_shelf(24))
    with managing(place.tenant.pk):
        Source.objects.filter(pk=place.pk).update(removals_agreed=place.run(*a_shelf(10)).removals_asked)
    report = place.run(*a_shelf(5))

    assert report.outcome is Source.Outcome.UNCONFIRMED
    assert len(place.names) == 24


def test_one_document_that_fails_is_one_line_and_the_rest_goes_on(place):
    report = place.run(
        a_file("a.txt", error=OSError("/mnt/secret")),
        a_file("empty.txt", open=lambda: open("/dev/null", "rb")),  # noqa: SIM115
        a_file("large.txt", "x" * 10_001),
        a_file("said.txt", size=10_001, error=AssertionError()),
        a_file("z.txt"),
    )

    assert report.outcome is Source.Outcome.WHOLE
    assert report.problems == [
        ("a.txt", "It could not be read."),
        ("empty.txt", "'empty.txt' is empty."),
        ("large.txt", "It is too large: at most 0 MB are taken."),
        ("said.txt", "It is too large: at most 0 MB are taken."),
    ]
    assert place.names == ["z.txt"]


def test_what_failed_for_now_is_tried_again_and_what_was_refused_is_not(place):
    place.run(a_file("a.txt", error=OSError()), a_file("b.txt", "x" * 10_001))
    report = place.run(a_file("a.txt"), a_file("b.txt", error=AssertionError()))

    assert report.added == 1
    assert [name for name, _ in report.problems] == ["b.txt"]


def test_a_document_that_fails_anew_keeps_what_was_taken_in_before(place):
    place.run(a_file("a.txt", "old"))
    place.run(a_file("a.txt", "x" * 10_001, version="2"))

    assert place.text("a.txt") == "old"


def test_what_is_skipped_stays_and_is_counted(place):
    place.run(a_file("a.txt"))
    report = place.run(Skipped(external_id="a.txt", name="a.txt", reason="The server answered 500."))

    assert report.failed == 1
    assert place.names == ["a.txt"]


def test_a_connector_that_tells_changes_only_says_what_vanished(place):
    place.run(a_file("a.txt"), a_file("b.txt"))
    report = place.run(Vanished(external_id="a.txt"), lists_everything=False)

    assert report.removed == 1
    assert place.names == ["b.txt"]


def test_a_document_of_the_same_name_that_is_not_the_sources_is_left_alone(place):
    with managing(place.tenant.pk):
        theirs = Document.objects.create(
            tenant=place.tenant, collection=place.collection, title="theirs", source_name="a.txt"
        )
    report = place.run(a_file("a.txt"))

    assert report.problems == [("a.txt", "The collection has another document called 'a.txt'.")]
    assert place.documents["a.txt"].pk == theirs.pk


def test_two_paths_that_would_be_called_alike_do_not_take_each_others_place(place):
    report = place.run(a_file("a/b.txt", "first"), a_file("a › b.txt", "second"))

    assert report.failed == 1
    assert place.text("a › b.txt") == "first"


def test_a_document_that_was_removed_here_comes_again(place):
    place.run(a_file("a.txt"))
    with managing(place.tenant.pk):
        Document.objects.all().delete()

    assert place.run(a_file("a.txt")).added == 1


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_run_that_was_killed_and_one_after_it_end_like_one_that_was_not(place, steps):
    """Killed: nothing of it is tidied, and its lease runs out."""
    place.run(a_file("changed.txt", "old"), a_file("gone.txt"), a_file("same.txt"))
    now = [
        a_file("new.txt"),
        a_file("changed.txt", "new", version="2"),
        a_file("same.txt"),
        a_file("other.txt"),
        Checkpoint(cursor={"at": 5}),
    ]
    run = Run(place.source, ListedConnector(now), place.intake, 60, claim(place.source))
    for change in now[:steps]:
        run.meet(change)
    if steps > len(now):
        run.whole = True
        run.conclude()
        run.remove_vanished()
    with managing(place.tenant.pk):
        Source.objects.filter(pk=place.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    place.run(*now)

    assert place.names == ["changed.txt", "new.txt", "other.txt", "same.txt"]
    assert place.text("changed.txt") == "new"
    assert sorted(place.items) == place.names
    assert place.source.cursor == {"at": 5}


def test_two_runs_of_one_source_do_not_overlap(place):
    claim(place.source)
    with pytest.raises(SourceBusy):
        place.run(a_file("a.txt"))
    assert place.names == []


def test_a_run_whose_lease_another_one_took_writes_nothing_more(place):
    run = Run(place.source, ListedConnector([]), place.intake, 60, claim(place.source))
    with managing(place.tenant.pk):
        Source.objects.filter(pk=place.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    claim(place.source)

    with pytest.raises(LeaseLost):
        run.meet(a_file("a.txt"))
    assert place.names == []


def test_a_run_that_takes_too_long_ends_and_goes_on_later(place):
    report = place.run(a_file("a.txt"), a_file("b.txt"), seconds_max=0)

    assert report.outcome is Source.Outcome.PARTLY
    assert place.names == ["a.txt"]
    assert place.source.requested_at is not None


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(place):
    place.run(a_file("a.txt"), a_file("b.txt"), a_file("gone.txt"))
    before = place.source.last_ended
    changes = (a_file("a.txt"), a_file("b.txt", version="2"), a_file("c.txt", error=AssertionError()))
    report = place.run(*changes, dry_run=True)

    assert report.counts == {"added": 1, "changed": 1, "unchanged": 1, "removed": 1, "failed": 0}
    assert place.names == ["a.txt", "b.txt", "gone.txt"]
    assert place.source.last_ended == before


def test_a_mistake_of_a_connector_ends_the_run_and_is_not_hidden(place):
    with pytest.raises(ZeroDivisionError):
        place.run(a_file("a.txt"), ZeroDivisionError())

    assert place.source.last_outcome == Source.Outcome.FAILED
    assert not place.source.running


def test_the_last_runs_are_kept_with_their_counts_and_problems(place):
    for _ in range(12):
        place.run(a_file("a.txt"), a_file("b.txt", error=OSError()))

    assert len(place.source.runs) == 10
    assert place.source.runs[0]["counts"]["unchanged"] == 1
    assert place.source.runs[0]["problems"] == [["b.txt", "It could not be read."]]


def test_each_run_is_on_record_with_its_counts(place):
    place.run(a_file("a.txt"))
    with managing(place.tenant.pk):
        entry = AuditEntry.objects.get(event="source.synchronised")

    assert entry.additional_data == {"added": 1, "changed": 0, "unchanged": 0, "removed": 0, "failed": 0}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/c.pdf", "a › b › c.pdf"),
        ("../../etc/passwd", ".. › .. › etc › passwd"),
        ("a\\b.txt", "a∖b.txt"),
        ("Überblick/契約.docx", "Überblick › 契約.docx"),
        ("a\x00\n.txt", "a.txt"),
        ("", "unnamed"),
    ],
)
def test_a_path_becomes_a_name_that_leads_nowhere(path, name):
    assert document_name(path) == name


def test_long_paths_become_names_of_their_own():
    names = {document_name(f"{'a' * 400}{number}.txt") for number in range(3)}
    names |= {document_name(f"{number}{'a' * 400}.txt") for number in range(3)}

    assert len(names) == 6
    assert all(len(name) <= 300 and name.endswith(".txt") for name in names)


def test_another_collections_document_of_the_same_name_is_not_touched(place):
    other = a_collection(place.tenant)
    with managing(place.tenant.pk):
        Document.objects.create(tenant=place.tenant, collection=other, title="x", source_name="a.txt")

    assert place.run(a_file("a.txt")).added == 1
