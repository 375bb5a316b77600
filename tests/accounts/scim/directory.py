"""A directory as its provider's programs are: HTTP requests with a key, and nothing besides."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.database import managing
from accounts.models import ApiKey, Membership, Tenant, TenantDomain
from accounts.roles import Right, Role
from compliance.models import AuditEntry
from tests.factories import a_member

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass(slots=True, kw_only=True)
class Directory:
    """`key` is the owner's; every answer's JSON is under `.body`."""

    tenant: Tenant
    key: ApiKey
    secret: str
    client: Client = field(default_factory=Client)

    @property
    def owner(self) -> Membership:
        return self.key.membership

    def send(self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None) -> Any:
        response: Any = self.client.generic(
            method,
            f"/scim/v2/{self.tenant.slug}{path}",
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body),
            content_type="application/scim+json",
            query_params=query or {},
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        response.body = response.json() if response.content else None
        return response

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any) -> Any:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.send("PUT", path, body)

    def patch(self, path: str, *operations: Any) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)

    def find(self, userName: str) -> list[Any]:
        return self.get("/Users", filter=f'userName eq "{userName}"').body["Resources"]

    def a_user(self, address: str, **attributes: Any) -> Any:
        response = self.post("/Users", {"schemas": [USER], "userName": address, **attributes})
        assert response.status_code == 201, response.content
        return response.body

    def a_group(self, label: str, *ids: str, **attributes: Any) -> Any:
        members = [{"value": each} for each in ids]
        body = {"schemas": [GROUP], "displayName": label, "members": members, **attributes}
        response = self.post("/Groups", body)
        assert response.status_code == 201, response.content
        return response.body

    def members_of(self, group: str) -> set[str]:
        return {member["value"] for member in self.get(f"/Groups/{group}").body["members"]}

    def entries(self, event: str) -> list[AuditEntry]:
        with managing(self.tenant.pk):
            return list(AuditEntry.objects.filter(event=event, tenant_id=self.tenant.pk).order_by("sequence"))


def a_directory(
    tenant: Tenant, *, role: Role = Role.ADMINISTRATOR, scopes: tuple[Right, ...] = (Right.PROVISION,)
) -> Directory:
    return directory_of(a_member(tenant, role=role), scopes)


def directory_of(owner: Membership, scopes: tuple[Right, ...] = (Right.PROVISION,)) -> Directory:
    with managing(owner.tenant_id):
        key, secret = ApiKey.objects.issue(owner, "directory", scopes=scopes)
    return Directory(tenant=owner.tenant, key=key, secret=secret)


def claim(tenant: Tenant, domain: str, *, confirmed: bool = True) -> None:
    with managing(tenant.pk):
        TenantDomain.objects.create(
            tenant=tenant, domain=domain, confirmed_at=timezone.now() if confirmed else None
        )
