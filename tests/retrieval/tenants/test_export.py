"""A tenant's export: everything of it, nothing of another, and no secret."""

import json
import stat
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core.management import CommandError, call_command

from accounts.database import managing
from accounts.models import ApiKey, Membership
from accounts.roles import Role
from compliance.models import AuditEntry
from retrieval.ingestion import vault
from retrieval.models import Document, DocumentVersion
from retrieval.tenants.export import export_tenant
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant

pytestmark = pytest.mark.django_db

SECRET = "Ferdinand keeps the lighthouse"


@pytest.fixture
def tenant():
    made = a_tenant()
    group = a_group(made, "Keepers")
    member = a_member(made, role=Role.OWNER, groups=(group,), password="a very long password")
    document = a_document(a_collection(made, readers=(group,)), SECRET, title="Lighthouse")
    with managing(made.pk):
        DocumentVersion.objects.filter(document=document).update(
            stored_name=vault.keep(made.pk, [SECRET.encode()]).name
        )
        ApiKey.objects.issue(member, "key")
    yield made
    with managing(made.pk):
        for name, _ in vault.names(made.pk):
            vault.delete(name)


def lines(archive: ZipFile, name: str) -> list[dict]:
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()]


def test_it_holds_members_groups_grants_documents_and_the_trail(tenant, tmp_path):
    exported = export_tenant(tenant, tmp_path / "out.zip")
    archive = ZipFile(exported.path)
    member = Membership.objects.get(tenant=tenant)

    assert archive.testzip() is None
    assert [row["user_id"] for row in lines(archive, "membership")] == [member.user_id]
    assert [row["email"] for row in lines(archive, "people")] == [member.user.email]
    assert {row["label"] for row in lines(archive, "group")} == {"Everyone", "Keepers"}
    assert len(lines(archive, "places_in_groups")) == 1
    assert len(lines(archive, "grants_to_groups_on_collections")) == 1
    (document,) = lines(archive, "document")
    assert archive.read(f"documents/{document['id']}") == SECRET.encode()
    assert "tenant.exported" in {row["event"] for row in lines(archive, "audit")}
    manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["slug"], manifest["files"], manifest["missing_files"]) == (tenant.slug, 1, [])
    assert manifest["rows"]["document"] == 1


def test_no_secret_and_no_digest_of_one_is_in_it(tenant, tmp_path):
    """T-03."""
    key = ApiKey.objects.get(membership__tenant=tenant)
    password = Membership.objects.get(tenant=tenant).user.password
    archive = ZipFile(export_tenant(tenant, tmp_path / "out.zip").path)
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()

    assert key.prefix in whole
    for secret in (key.digest, password, password.split("$")[-1]):
        assert secret not in whole


def test_nothing_of_another_tenant_is_in_it(tenant, tmp_path):
    other = a_tenant("globex-other")
    archive = ZipFile(export_tenant(other, tmp_path / "out.zip").path)
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()

    for word in (SECRET, "Lighthouse", "Keepers", str(tenant.pk), tenant.slug):
        assert word not in whole


def test_only_its_owner_can_read_the_file_and_none_is_written_over(tenant, tmp_path):
    out = tmp_path / "deep" / "out.zip"
    export_tenant(tenant, out)

    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert stat.S_IMODE(out.parent.stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        export_tenant(tenant, out)


def test_a_file_that_is_not_on_disk_is_named_and_the_rest_exported(tenant, tmp_path):
    with managing(tenant.pk):
        DocumentVersion.objects.filter(tenant=tenant).update(stored_name=f"{tenant.pk}/gone")
    exported = export_tenant(tenant, tmp_path / "out.zip")

    assert len(exported.missing) == 1
    assert json.loads(ZipFile(exported.path).read("manifest.json"))["missing_files"] == exported.missing


def test_a_damaged_file_is_named_and_the_rest_exported(tenant, tmp_path):
    with managing(tenant.pk):
        document = Document.objects.get(tenant=tenant)
        (name,) = document.versions.values_list("stored_name", flat=True)
    Path(vault.storage().path(name)).write_bytes(b"plain")
    exported = export_tenant(tenant, tmp_path / "out.zip")

    assert exported.damaged == [str(document.pk)]
    assert json.loads(ZipFile(exported.path).read("manifest.json"))["damaged_files"] == exported.damaged


def test_what_fails_leaves_no_file(tenant, tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retrieval.tenants.export.write", full)
    with pytest.raises(OSError, match="space"):
        export_tenant(tenant, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_it_and_says_what_is_wrong(tenant, tmp_path):
    out = StringIO()
    target = tmp_path / "out.zip"
    call_command("tenant", "export", "--tenant", tenant.slug, "--out", str(target), stdout=out)
    assert str(target) in out.getvalue()
    with pytest.raises(CommandError, match="is there already"):
        call_command("tenant", "export", "--tenant", tenant.slug, "--out", str(target), stdout=out)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command(
            "tenant", "export", "--tenant", tenant.slug, "--out", str(Path("/proc/x/out.zip")), stdout=out
        )
    with managing(tenant.pk):
        assert AuditEntry.objects.filter(event="tenant.exported").count() == 1


def test_tenants_are_made_listed_suspended_and_resumed_at_the_command_line():
    out = StringIO()
    call_command(
        "tenant",
        "create",
        "--tenant",
        "initech",
        "--name",
        "Initech",
        "--owner",
        "bill@initech.example",
        stdout=out,
    )
    for act, said in (
        ("suspend", "Suspended."),
        ("suspend", "already"),
        ("resume", "goes on"),
        ("resume", "was not"),
    ):
        call_command("tenant", act, "--tenant", "initech", stdout=out)
        assert said in out.getvalue()
    call_command("tenant", "list", stdout=out)
    assert "initech\tactive\tInitech" in out.getvalue()
    with pytest.raises(CommandError, match="already"):
        call_command(
            "tenant", "create", "--tenant", "initech", "--name", "x", "--owner", "a@b.example", stdout=out
        )
