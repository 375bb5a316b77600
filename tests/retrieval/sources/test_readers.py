"""Who may read a document here, because of who may where it comes from."""

import pytest

from accounts.database import managing
from accounts.models import Group, Membership
from retrieval.access.grants import grant
from retrieval.access.values import Grantee, Permission
from retrieval.models import Document
from retrieval.sources import INHERIT, PRIVATE, ExternalAccess
from tests.factories import a_collection, a_group, a_member, a_tenant, everyone
from tests.retrieval.sources.places import BYTES_MAX, a_file

pytestmark = pytest.mark.django_db


def only(*people: str, groups: tuple[str, ...] = ()) -> ExternalAccess:
    return ExternalAccess(people=frozenset(people), groups=frozenset(groups))


@pytest.fixture
def staff(place):
    """Everybody of the tenant may read the collection."""
    group = everyone(place.tenant)
    grant(place.collection, Grantee(kind="group", id=group.pk), Permission.VIEW)
    return group


def test_what_inherits_is_read_by_the_collections_readers(place, staff):
    place.run(a_file("a.txt", access=INHERIT))

    assert place.readers("a.txt") == [staff.pk]


def test_what_has_readers_of_its_own_is_read_by_them_and_nobody_else(place, staff):
    finance = a_group(place.tenant, "Finance")
    directory = a_group(place.tenant)
    Group.objects.filter(pk=directory.pk).update(external_id="0f-37")
    ada = a_member(place.tenant)
    place.run(a_file("a.txt", access=only(ada.user.email.lower(), groups=("Finance", "0f-37"))))

    assert place.readers("a.txt") == sorted([finance.pk, directory.pk, ada.user_id])


def test_what_cannot_be_determined_is_read_by_nobody(place, staff):
    place.run(a_file("a.txt", access=PRIVATE))

    assert place.readers("a.txt") == []


def test_whoever_is_unknown_here_is_nobody(place, staff):
    foreign = a_tenant()
    stranger, group = a_member(foreign), a_group(foreign, "Finance")
    left = a_member(place.tenant)
    Membership.objects.filter(pk=left.pk).update(is_active=False)
    place.run(a_file("a.txt", access=only(stranger.user.email, left.user.email, groups=(group.label, ""))))

    assert place.readers("a.txt") == []


def test_a_group_that_is_made_later_is_granted_by_the_next_run(place):
    place.run(a_file("a.txt", access=only(groups=("Finance",))))
    finance = a_group(place.tenant, "Finance")
    report = place.run(a_file("a.txt", access=only(groups=("Finance",)), error=AssertionError()))

    assert place.readers("a.txt") == [finance.pk]
    assert report.changed == 1


def test_changed_access_is_granted_without_fetching_the_document_again(place, staff):
    finance, board = a_group(place.tenant, "Finance"), a_group(place.tenant, "Board")
    steps = [
        (only(groups=("Finance",)), [finance.pk]),
        (only(groups=("Board",)), [board.pk]),
        (INHERIT, [staff.pk]),
        (PRIVATE, []),
        (only(groups=("Board", "Finance")), sorted([finance.pk, board.pk])),
    ]
    place.run(a_file("a.txt", access=steps[0][0]))
    place.settle()
    for access, readers in steps[1:]:
        place.run(a_file("a.txt", access=access, error=AssertionError()))
        assert place.readers("a.txt") == readers


def test_the_readers_stand_before_the_document_can_be_found(place, staff, monkeypatch):
    """In one transaction: where the grants fail there is no document either."""

    def fail(*anything):
        raise RuntimeError

    monkeypatch.setattr("retrieval.sources.sync.give_in_step", fail)
    with pytest.raises(RuntimeError):
        place.run(a_file("a.txt", access=PRIVATE))

    assert place.names == []


def test_reading_is_taken_away_even_where_the_newer_version_fails(place, staff):
    place.run(a_file("a.txt", access=INHERIT))
    place.settle()
    place.run(a_file("a.txt", "x" * (BYTES_MAX + 1), version="2", access=PRIVATE))

    assert place.readers("a.txt") == []


def test_reading_of_the_newer_version_is_not_given_on_the_older_one(place, staff):
    """What was secret becomes public with its new content; the old content was never meant for them."""
    finance, board = a_group(place.tenant, "Finance"), a_group(place.tenant, "Board")
    place.run(a_file("a.txt", access=only(groups=("Finance",))))
    place.settle()
    wider = only(groups=("Finance", "Board"))
    place.run(a_file("a.txt", "new", version="2", access=wider))
    between = place.readers("a.txt")
    place.run(a_file("a.txt", "new", version="2", access=wider))
    still = place.readers("a.txt")
    place.settle()
    place.run(a_file("a.txt", "new", version="2", access=wider))

    assert between == still == [finance.pk]
    assert place.readers("a.txt") == sorted([finance.pk, board.pk])


def test_what_was_granted_by_hand_stays_until_access_changes_there(place):
    ada = a_member(place.tenant)
    place.run(a_file("a.txt", access=PRIVATE))
    place.settle()
    grant(place.documents["a.txt"], Grantee(kind="user", id=ada.user_id), Permission.VIEW)
    place.run(a_file("a.txt", "new", version="2", access=PRIVATE))
    after_new_content = place.readers("a.txt")
    place.settle()
    place.run(a_file("a.txt", "new", version="2", access=only(groups=("Nobody here",))))

    assert after_new_content == [ada.user_id]
    assert place.readers("a.txt") == [ada.user_id]  # nobody there is nobody here: the same as before
    a_group(place.tenant, "Nobody here")
    place.run(a_file("a.txt", "new", version="2", access=only(groups=("Nobody here",))))
    assert ada.user_id not in place.readers("a.txt")


def test_a_document_that_a_person_moved_is_still_the_sources(place):
    place.run(a_file("a.txt"), a_file("b.txt"))
    elsewhere = a_collection(place.tenant)
    with managing(place.tenant.pk):
        Document.objects.filter(source_name="a.txt").update(collection=elsewhere)
    place.run(a_file("b.txt"))

    assert place.names == ["b.txt"]
