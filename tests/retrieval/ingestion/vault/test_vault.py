"""Originals: kept encrypted, read from anywhere, and never given out changed."""

import hashlib
import io
import os
import stat
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.database import managing
from accounts.models import TenantKey
from accounts.tenant_keys import cache, destroy_keys
from retrieval.errors import DamagedOriginal, LockedOriginal
from retrieval.ingestion import vault
from retrieval.ingestion.vault.stream import HEADER, SEALED_BYTES, SEGMENT_BYTES
from tests.factories import a_tenant

pytestmark = pytest.mark.django_db
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BORDERS = (
    0,
    1,
    SEGMENT_BYTES - 1,
    SEGMENT_BYTES,
    SEGMENT_BYTES + 1,
    2 * SEGMENT_BYTES,
    3 * SEGMENT_BYTES + 7,
)


@pytest.fixture(autouse=True)
def a_place_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.RAGSITE_HOME = tmp_path
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def tenant_id() -> UUID:
    return a_tenant().pk


def path_of(name: str) -> Path:
    return Path(vault.storage().path(name))


def bytes_of(size: int) -> bytes:
    """Bytes without a pattern that repeats within a segment."""
    return hashlib.shake_128(b"ragsite").digest(size)


def all_of(tenant_id: UUID, name: str) -> bytes:
    with vault.open(tenant_id, name) as plain:
        return plain.read()


@pytest.mark.parametrize("size", BORDERS)
def test_what_is_kept_comes_back(tenant_id, size):
    content = bytes_of(size)

    kept = vault.keep(tenant_id, [content])

    assert all_of(tenant_id, kept.name) == content
    assert (kept.size_bytes, kept.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert vault.exists(kept.name)


def test_nothing_of_the_content_and_no_chosen_name_is_on_the_disk(tenant_id):
    kept = vault.keep(tenant_id, [b"the lighthouse keeper's wage " * 9000])

    raw = path_of(kept.name).read_bytes()
    assert b"lighthouse" not in raw
    assert kept.name.startswith(f"{tenant_id}/")
    assert len(kept.name.split("/")[1]) == 32
    assert stat.S_IMODE(path_of(kept.name).stat().st_mode) == 0o600


@PROPERTY
@given(
    size=st.sampled_from(BORDERS) | st.integers(0, 3 * SEGMENT_BYTES),
    cuts=st.lists(st.integers(0, 3 * SEGMENT_BYTES), max_size=6),
    steps=st.lists(
        st.tuples(st.sampled_from((0, 1, 2)), st.integers(-70_000, 200_000), st.integers(-1, 140_000)),
        max_size=12,
    ),
)
def test_any_pattern_of_reading_gives_what_the_plain_bytes_give(tenant_id, size, cuts, steps):
    content = bytes_of(size)
    places = sorted({0, size, *(cut for cut in cuts if cut < size)})
    kept = vault.keep(tenant_id, [content[a:b] for a, b in pairwise(places)])

    model = io.BytesIO(content)
    with vault.open(tenant_id, kept.name) as plain:
        for whence, offset, count in steps:
            base = (0, model.tell(), size)[whence]
            target = max(base + offset, 0)
            assert plain.seek(target) == model.seek(target)
            assert plain.read(count) == model.read(count)
            assert plain.tell() == model.tell()
    vault.delete(kept.name)


@PROPERTY
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), size=st.sampled_from(BORDERS))
def test_any_flipped_byte_is_noticed(tenant_id, place, change, size):
    kept = vault.keep(tenant_id, [bytes_of(size)])
    raw = bytearray(path_of(kept.name).read_bytes())
    raw[int(place * len(raw))] ^= change
    path_of(kept.name).write_bytes(raw)

    with pytest.raises((DamagedOriginal, LockedOriginal)):
        all_of(tenant_id, kept.name)


@PROPERTY
@given(left=st.floats(0, 1, exclude_max=True), size=st.sampled_from(BORDERS))
def test_a_file_that_was_cut_does_not_even_open(tenant_id, left, size):
    kept = vault.keep(tenant_id, [bytes_of(size)])
    raw = path_of(kept.name).read_bytes()
    path_of(kept.name).write_bytes(raw[: int(left * len(raw))])

    with pytest.raises(DamagedOriginal):
        vault.open(tenant_id, kept.name)


@pytest.mark.parametrize("segments_left", [1, 2])
def test_a_file_cut_between_two_segments_does_not_open(tenant_id, segments_left):
    kept = vault.keep(tenant_id, [bytes_of(3 * SEGMENT_BYTES)])
    raw = path_of(kept.name).read_bytes()
    path_of(kept.name).write_bytes(raw[: HEADER.size + segments_left * SEALED_BYTES])

    with pytest.raises(DamagedOriginal):
        vault.open(tenant_id, kept.name)


def test_a_lengthened_file_does_not_open(tenant_id):
    kept = vault.keep(tenant_id, [bytes_of(SEGMENT_BYTES)])
    raw = path_of(kept.name).read_bytes()
    path_of(kept.name).write_bytes(raw + raw[HEADER.size :])

    with pytest.raises(DamagedOriginal):
        vault.open(tenant_id, kept.name)


def test_two_segments_in_each_others_place_are_noticed(tenant_id):
    kept = vault.keep(tenant_id, [bytes_of(3 * SEGMENT_BYTES)])
    raw = path_of(kept.name).read_bytes()
    first, second, rest = (
        raw[HEADER.size : HEADER.size + SEALED_BYTES],
        raw[HEADER.size + SEALED_BYTES : HEADER.size + 2 * SEALED_BYTES],
        raw[HEADER.size + 2 * SEALED_BYTES :],
    )
    path_of(kept.name).write_bytes(raw[: HEADER.size] + second + first + rest)

    with pytest.raises(DamagedOriginal):
        all_of(tenant_id, kept.name)


def test_a_file_in_the_place_of_another_is_noticed(tenant_id):
    one, other = vault.keep(tenant_id, [b"one"]), vault.keep(tenant_id, [b"other"])
    path_of(one.name).write_bytes(path_of(other.name).read_bytes())

    with pytest.raises(DamagedOriginal):
        vault.open(tenant_id, one.name)


def test_a_file_of_one_tenant_opens_for_no_other(tenant_id):
    other_id = a_tenant().pk
    kept, own = vault.keep(tenant_id, [b"ours"]), vault.keep(other_id, [b"theirs"])
    moved = f"{other_id}/{kept.name.split('/')[1]}"
    path_of(moved).write_bytes(path_of(kept.name).read_bytes())

    with pytest.raises(DamagedOriginal):
        vault.open(other_id, kept.name)
    with pytest.raises(DamagedOriginal):
        vault.open(other_id, moved)
    assert all_of(other_id, own.name) == b"theirs"


def test_a_key_in_another_tenants_row_does_not_open(tenant_id):
    other_id = a_tenant().pk
    kept = vault.keep(tenant_id, [b"ours"])
    with managing(tenant_id):
        stolen = TenantKey.objects.get()
    with managing(other_id):
        TenantKey.objects.create(
            tenant_id=other_id, wrapped=stolen.wrapped, master_key_id=stolen.master_key_id
        )

    with pytest.raises(LockedOriginal, match="does not open"):
        vault.keep(other_id, [b"theirs"])
    assert all_of(tenant_id, kept.name) == b"ours"


def test_a_plain_file_is_never_given_out(tenant_id):
    kept = vault.keep(tenant_id, [b"words"])
    path_of(kept.name).write_bytes(b"words" * 100)

    with pytest.raises(DamagedOriginal):
        vault.open(tenant_id, kept.name)


class Broken(Exception):
    pass


def broken_half_way():
    yield bytes_of(5 * SEGMENT_BYTES)
    raise Broken


def test_a_failure_half_way_leaves_no_file(tenant_id):
    with pytest.raises(Broken):
        vault.keep(tenant_id, broken_half_way())

    assert list(vault.names(tenant_id)) == []


def test_an_absent_file_is_said_to_be_absent(tenant_id):
    kept = vault.keep(tenant_id, [b"words"])
    vault.delete(kept.name)
    vault.delete(kept.name)

    assert not vault.exists(kept.name)
    with pytest.raises(FileNotFoundError):
        vault.open(tenant_id, kept.name)


@pytest.mark.parametrize(
    "name", ["", "../secrets.json", "{tenant}/../../secrets.json", "{tenant}/NAME", "/etc/passwd"]
)
def test_no_name_leads_elsewhere(tenant_id, name):
    name = name.replace("{tenant}", str(tenant_id))
    secrets = Path(vault.storage().location).parent / "secrets.json"
    secrets.write_text("{}")

    vault.delete(name)

    assert secrets.exists()
    assert not vault.exists(name)
    with pytest.raises(FileNotFoundError):
        vault.open(tenant_id, name)


def test_every_kept_name_is_listed_with_its_time(tenant_id):
    kept = {vault.keep(tenant_id, [b"%d" % number]).name for number in range(3)}
    vault.keep(a_tenant().pk, [b"elsewhere"])

    listed = dict(vault.names(tenant_id))
    assert set(listed) == kept
    assert all(when.tzinfo is not None for when in listed.values())


def test_a_descriptor_holds_the_plain_bytes_in_a_file_without_a_name(tenant_id, tmp_path):
    content = bytes_of(2 * SEGMENT_BYTES + 5)
    kept = vault.keep(tenant_id, [content])

    with vault.plain_descriptor(tenant_id, kept.name) as descriptor:
        assert os.fstat(descriptor).st_nlink == 0
        assert os.read(descriptor, len(content) + 1) == content
        assert list((tmp_path / "scratch").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "scratch").stat().st_mode) == 0o700
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_a_plain_file_is_adopted_and_its_plain_form_goes_with_the_commit(
    tenant_id, django_capture_on_commit_callbacks
):
    plain_name = default_storage.save(f"{tenant_id}/plain", ContentFile(b"from before"))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        kept = vault.adopt(tenant_id, plain_name)
        assert default_storage.exists(plain_name)

    assert not default_storage.exists(plain_name)
    assert all_of(tenant_id, kept.name) == b"from before"


def test_with_its_key_destroyed_a_file_opens_no_more(tenant_id):
    kept = vault.keep(tenant_id, [b"words"])

    assert destroy_keys(tenant_id) == 1

    with pytest.raises(LockedOriginal, match="destroyed"):
        vault.open(tenant_id, kept.name)
    with pytest.raises(LockedOriginal, match="destroyed"):
        vault.keep(tenant_id, [b"more"])
