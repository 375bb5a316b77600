"""The same vault, in a bucket."""

import io
import random
from collections.abc import Iterator
from uuid import UUID

import pytest
from pydantic import SecretStr

from ragsite.env import Environment
from ragsite.originals import PART_BYTES, originals_storage
from retrieval.errors import DamagedOriginal
from retrieval.ingestion import vault
from tests.factories import a_tenant
from tests.retrieval.ingestion.vault.test_vault import Broken, bytes_of
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, Bucket, s3_bucket

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server():
    with s3_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server, settings) -> Iterator[Bucket]:
    chosen = Environment(
        storage="s3", s3_bucket=server.name, s3_endpoint=server.endpoint,
        s3_access_key=SecretStr(ACCESS_KEY), s3_secret_key=SecretStr(SECRET_KEY),
    )  # fmt: skip
    settings.STORAGES = {**settings.STORAGES, "originals": originals_storage(chosen)}
    yield server
    vault.storage().connection.meta.client.close()


@pytest.fixture
def tenant_id() -> UUID:
    return a_tenant().pk


@pytest.mark.parametrize("size", [0, 5, PART_BYTES + 100_000])
def test_what_is_kept_in_a_bucket_comes_back(bucket, tenant_id, size):
    content = bytes_of(size)
    kept = vault.keep(tenant_id, [content])

    with vault.open(tenant_id, kept.name) as plain:
        assert plain.read() == content
    assert content[:64] not in bucket.objects()[kept.name] or not content
    assert vault.exists(kept.name)
    assert [name for name, _ in vault.names(tenant_id)] == [kept.name]
    vault.delete(kept.name)
    assert kept.name not in bucket.objects()
    with pytest.raises(FileNotFoundError):
        vault.open(tenant_id, kept.name)


def test_any_part_of_an_object_can_be_read(bucket, tenant_id):
    content = bytes_of(3_000_000)
    kept = vault.keep(tenant_id, [content])
    model, order = io.BytesIO(content), random.Random(4)
    with vault.open(tenant_id, kept.name) as plain:
        for _ in range(20):
            place, count = order.randrange(3_100_000), order.randrange(300_000)
            plain.seek(place)
            model.seek(place)
            assert plain.read(count) == model.read(count)


def test_an_object_that_was_changed_is_noticed(bucket, tenant_id):
    kept = vault.keep(tenant_id, [bytes_of(200_000)])
    raw = bytearray(bucket.objects()[kept.name])
    raw[100_000] ^= 1
    bucket.client.put_object(Bucket=bucket.name, Key=kept.name, Body=bytes(raw))

    with vault.open(tenant_id, kept.name) as plain, pytest.raises(DamagedOriginal):
        plain.read()


def test_a_failure_half_way_leaves_no_object_and_no_part(bucket, tenant_id):
    def broken():
        yield bytes_of(2 * PART_BYTES)
        raise Broken

    with pytest.raises(Broken):
        vault.keep(tenant_id, broken())

    assert list(vault.names(tenant_id)) == []
    assert bucket.unfinished() == 0
