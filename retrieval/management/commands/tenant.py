"""`manage.py tenant create|suspend|resume|export|delete|list`: the life of a tenant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant
from accounts.tenant_life import create_tenant, resume_tenant, suspend_tenant
from retrieval.management.lookup import find_tenant
from retrieval.tenants.deletion import delete_tenant
from retrieval.tenants.export import export_tenant


class Command(BaseCommand):
    help = "Create, suspend, resume, export, delete or list tenants."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="a new tenant with its first owner")
        create.add_argument("--tenant", required=True, help="slug")
        create.add_argument("--name", required=True)
        create.add_argument("--owner", required=True, help="address of the first owner")
        for name, words in (("suspend", "stop everything, lose nothing"), ("resume", "go on")):
            acts.add_parser(name, help=words).add_argument("--tenant", required=True, help="slug")
        export = acts.add_parser("export", help="everything as one ZIP")
        export.add_argument("--tenant", required=True, help="slug")
        export.add_argument("--out", required=True, type=Path, help="file to write; must not exist")
        delete = acts.add_parser("delete", help="the tenant and everything it owns")
        delete.add_argument("--tenant", required=True, help="slug")
        delete.add_argument("--confirm", default=None, help="the slug again; asked for when absent")
        acts.add_parser("list", help="every tenant and its state")

    def handle(self, *args: Any, **options: Any) -> None:
        acts: dict[str, Callable[..., None]] = {
            "create": self.create,
            "suspend": self.suspend,
            "resume": self.resume,
            "export": self.export,
            "delete": self.delete,
            "list": self.list,
        }
        try:
            acts[options["act"]](options)
        except ValidationError as error:
            raise CommandError(str(error.messages[0])) from None

    def create(self, options: dict[str, Any]) -> None:
        owner = create_tenant(options["tenant"], options["name"], options["owner"])
        self.stdout.write(f"Tenant '{owner.tenant.slug}' is there; its first owner is {owner.user.email}.")

    def suspend(self, options: dict[str, Any]) -> None:
        done = suspend_tenant(find_tenant(options["tenant"]))
        self.stdout.write("Suspended." if done else "It was suspended already.")

    def resume(self, options: dict[str, Any]) -> None:
        done = resume_tenant(find_tenant(options["tenant"]))
        self.stdout.write("It goes on." if done else "It was not suspended.")

    def export(self, options: dict[str, Any]) -> None:
        try:
            exported = export_tenant(find_tenant(options["tenant"]), options["out"])
        except FileExistsError:
            raise CommandError(f"{options['out']} is there already; name a new file.") from None
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}.") from None
        rows = sum(exported.rows.values())
        self.stdout.write(f"Wrote {rows} rows and {exported.files} files to {exported.path}.")
        if exported.missing:
            self.stderr.write(
                f"{len(exported.missing)} documents' files are not on disk; the manifest names them."
            )

    def delete(self, options: dict[str, Any]) -> None:
        tenant = find_tenant(options["tenant"])
        typed = options["confirm"]
        if typed is None:
            typed = input(f"Everything of '{tenant.name}' will be gone. Type its slug to go on: ")
        if typed.strip() != tenant.slug:
            raise CommandError("That is not its slug; nothing was deleted.")
        gone = delete_tenant(tenant)
        self.stdout.write(f"Deleted '{tenant.slug}': {gone.total()} rows, and nothing of it is left.")

    def list(self, options: dict[str, Any]) -> None:
        for tenant in Tenant.objects.order_by("slug"):
            self.stdout.write(f"{tenant.slug}\t{tenant.state}\t{tenant.name}")
