"""A victim with one of everything, and what is left of it afterwards: all of it."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin
from django.db import connection
from django.utils import timezone

from accounts.database import managing
from accounts.models import (
    ApiKey,
    BreakGlass,
    IdentityProvider,
    Membership,
    SignInPolicy,
    Tenant,
    TenantDomain,
    TenantRole,
    User,
)
from accounts.roles import Right, Role
from retrieval.models import (
    CachedAnswer,
    CollectionGroupObjectPermission,
    Conversation,
    Document,
    GlossaryTerm,
    Ingestion,
    Query,
    ResumableUpload,
    Source,
    TenantPolicy,
)
from tests.factories import a_collection, a_document, a_group, a_member, a_tenant

SECRET = "the lighthouse keeper is called Ferdinand"
TITLE = "Lighthouse personnel"
SHELF = "Lighthouse shelf"
GROUP = "Lighthouse insiders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The victim's tenant. `ids` are what a stranger would have to know and is given here."""

    tenant: Tenant
    document: Document
    owner: Membership
    conversation: UUID
    ids: dict[str, object]
    things: dict[str, object]  # by label of a model that has admin pages: the primary key of one

    @property
    def words(self) -> tuple[str, ...]:
        """What only who belongs there and may read it ever sees."""
        return (
            SECRET,
            TITLE,
            SHELF,
            GROUP,
            "Ferdinand",
            self.owner.user.email,
            "secret of the house",
            "Lighthouse site",
        )


def a_scene() -> Scene:
    tenant = a_tenant()
    group = a_group(tenant, GROUP)
    owner = a_member(tenant, role=Role.OWNER, groups=(group,))
    User.objects.filter(pk=owner.user_id).update(is_staff=True)
    shelf = a_collection(tenant, readers=(group,), name=SHELF)
    document = a_document(shelf, SECRET, title=TITLE)
    batch = uuid4()
    with managing(tenant.pk):
        Ingestion.objects.filter(document=document).update(batch=batch)
        conversation = Conversation.objects.create(tenant=tenant, user=owner.user)
        query = Query.objects.create(
            id=uuid4(), tenant=tenant, user=owner.user, conversation=conversation, question=SECRET, answer=SECRET,
            outcome="answered", surface="web", document_ids=[document.pk],
        )  # fmt: skip
        CachedAnswer.objects.create(
            tenant=tenant, author=owner.user, question_key=b"q" * 32, epoch=0, evidence_key=b"e" * 32, answer=SECRET,
            citations=[], verdict={}, model="m", document_ids=[document.pk], chunk_ids=[1],
        )  # fmt: skip
        policy = TenantPolicy.objects.create(tenant=tenant, allowed_hosts=["lighthouse.example"])
        term = GlossaryTerm.objects.create(tenant=tenant, term="SOH", expansion="secret of the house")
        key, _ = ApiKey.objects.issue(owner, "lighthouse key")
        role = TenantRole.objects.create(tenant=tenant, name="Lighthouse role", rights=[Right.ASK])
        stay = BreakGlass.objects.create(
            tenant=tenant,
            user=User.objects.create_superuser(f"root@{tenant.slug}.example"),
            reason="The lighthouse is dark.",
            expires_at=timezone.now() + timedelta(hours=1),
        )
        domain = TenantDomain.objects.create(tenant=tenant, domain=f"{tenant.slug}.lighthouse.example")
        sign_in = SignInPolicy.objects.create(tenant=tenant)
        provider = IdentityProvider.objects.create(
            tenant=tenant,
            kind="oidc",
            name="Lighthouse login",
            issuer="https://lighthouse.example",
            client_id="x",
        )
        upload = ResumableUpload.objects.create(
            tenant=tenant, owner=owner.user, collection=shelf, name="lighthouse plan.bin", size=5,
            expires_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        source = Source(
            tenant=tenant, collection=shelf, kind="web", name="Lighthouse site", removals_asked=1,
            configuration={"pages": ["https://lighthouse.example/"], "sitemap": "", "pages_max": 5, "shared": False},
        )  # fmt: skip
        source.secret = SECRET
        source.save()
        shelf_grant = CollectionGroupObjectPermission.objects.get(content_object=shelf)
        entry = newest_entry()
    ids = {
        "document": document.pk, "collection": shelf.pk, "conversation": conversation.pk, "tenant": tenant.pk,
        "collection_grant": f"group-{shelf_grant.pk}", "document_grant": "group-1", "stay": stay.pk,
        "user": owner.user_id, "group": group.pk, "key": key.pk, "membership": owner.pk, "query": query.pk,
        "upload": upload.pk, "source": source.pk, "batch": batch,
    }  # fmt: skip
    rows = (
        tenant, group, shelf, document, owner, policy, term, key, query, entry, role, stay, domain, sign_in, provider,
        source,
    )  # fmt: skip
    return Scene(
        tenant=tenant,
        document=document,
        owner=owner,
        conversation=conversation.pk,
        ids=ids,
        things={row._meta.label: row.pk for row in rows},
    )


def newest_entry() -> Any:
    from compliance.models import AuditEntry

    return AuditEntry.objects.first()


def models_with_pages() -> set[str]:
    return {model._meta.label for model in admin.site._registry}


# --- What is there, as one number a table --------------------------------------------------------

TABLES = """
    select c.relname::text,
           case when c.relname = 'accounts_tenant' then 't.id'
                when exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
                then 't.tenant_id'
                when exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'membership_id')
                then '(select m.tenant_id from accounts_membership m where m.id = t.membership_id)'
                when c.relname like 'retrieval_collection%objectpermission'
                then '(select o.tenant_id from retrieval_collection o where o.id = t.content_object_id)'
                when c.relname like 'retrieval_document%objectpermission'
                then '(select o.tenant_id from retrieval_document o where o.id = t.content_object_id)'
                when c.relname = 'accounts_user_groups'
                then '(select g.tenant_id from accounts_group g where g.group_ptr_id = t.group_id)'
                when c.relname = 'accounts_user'
                then '(select m.tenant_id from accounts_membership m where m.user_id = t.id limit 1)'
           end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1"""

# When somebody came in, and when a key was last used, are no changes of what she has.
IGNORED = "'last_login', 'last_used_at'"


def state_of(tenant_id: UUID, but_of: tuple[int, ...] = ()) -> dict[str, tuple[int, str]]:
    """(rows, digest) of every table, of what belongs to the tenant.

    but_of: people whose own questions, conversations and entries of the trail are left out.
    """
    with managing(tenant_id), connection.cursor() as cursor:
        owned = [(name, path) for name, path in cursor.execute(TABLES).fetchall() if path]
        assert {"accounts_apikey", "retrieval_document", "retrieval_chunk", "compliance_auditentry"} <= {
            name for name, _ in owned
        }
        return {name: state_of_table(cursor, name, path, tenant_id, but_of) for name, path in owned}


def state_of_table(cursor: Any, name: str, path: str, tenant_id: UUID, but_of: tuple[int, ...]) -> Any:
    cursor.execute(
        f"""select (to_jsonb(t) - array[{IGNORED}])::text from {name} t
             where {path} = %s
               and coalesce((coalesce(to_jsonb(t) ->> 'actor_id', to_jsonb(t) ->> 'user_id'))::bigint, -1)
                   <> all(%s)""",
        [tenant_id, list(but_of)],
    )
    rows = sorted(row for (row,) in cursor.fetchall())
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()


def absent_like(identity: object) -> object:
    """An id of the same kind that nobody has."""
    if isinstance(identity, str):
        return f"group-{9_000_000 + timezone.now().microsecond}"
    return uuid4() if isinstance(identity, UUID) else 9_000_000 + timezone.now().microsecond
