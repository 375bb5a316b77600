"""Files that an earlier release kept as they were sent are encrypted, once, and none is lost."""

from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from accounts.database import managing
from retrieval.ingestion import vault
from retrieval.models import DocumentVersion
from tests.factories import a_collection, a_document, a_tenant


@pytest.fixture
def plain(db, place):
    document = a_document(a_collection(a_tenant()), "text")
    name = default_storage.save(f"{document.tenant_id}/{'a' * 32}", ContentFile(b"the plain words"))
    with managing(document.tenant_id):
        DocumentVersion.objects.filter(document=document).update(stored_name=name, sealed=False)
    return document


def version_of(document) -> DocumentVersion:
    with managing(document.tenant_id):
        return DocumentVersion.objects.get(document=document)


def test_a_plain_file_is_encrypted_and_the_plain_one_gone(plain, django_capture_on_commit_callbacks):
    before = version_of(plain).stored_name
    with django_capture_on_commit_callbacks(execute=True):
        call_command("adopt_originals", stdout=StringIO())

    version = version_of(plain)
    assert version.sealed
    assert not default_storage.exists(before)
    with vault.open(plain.tenant_id, version.stored_name) as kept:
        assert kept.read() == b"the plain words"


def test_the_second_time_nothing_is_left_to_do(plain, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        call_command("adopt_originals", stdout=StringIO())
    said = StringIO()
    call_command("adopt_originals", stdout=said)

    assert said.getvalue() == ""


def test_a_missing_file_is_named_and_stops_nothing(plain):
    default_storage.delete(version_of(plain).stored_name)
    said, complaints = StringIO(), StringIO()
    call_command("adopt_originals", stdout=said, stderr=complaints)

    assert str(plain.pk) in complaints.getvalue()
    assert "0 files encrypted, 1 missing." in said.getvalue()
