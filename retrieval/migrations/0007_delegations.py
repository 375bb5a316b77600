from django.db import migrations

TENANT = "tenant_id = (select current_setting('ragsite.tenant')::uuid)"
PRINCIPALS = "(select current_setting('ragsite.principals')::int8multirange)"
CEILING = "(select current_setting('ragsite.ceiling')::integer)"
MANAGING = "(select current_setting('ragsite.purpose')) = 'manage'"

# Most documents name one principal, their collection's. By bisection in a multirange, since the array
# of somebody in a thousand groups would be searched from end to end for every row.
HELD = f"""({PRINCIPALS} @> {{0}}principals[1] or cardinality({{0}}principals) > 1
    and exists (select 1 from unnest({{0}}principals) p where {PRINCIPALS} @> p))"""

READABLE_DOCUMENT = f"{TENANT} and ({MANAGING} or ({HELD.format('')} and sensitivity <= {CEILING}))"
OWN = f"{TENANT} and ({MANAGING} or {PRINCIPALS} @> user_id::bigint)"

# Who may do what, from guardian's tables: the truth, which search never reads and the permission
# filter always does.
RIGHTS = """
create view retrieval_right with (security_invoker = true) as
    select d.id as document_id, d.tenant_id, d.sensitivity, g.user_id as principal, p.codename as right_name,
           g.expires_at, false as inherited, g.id as grant_id, 'user' as grantee_kind
      from retrieval_document d
      join retrieval_documentuserobjectpermission g on g.content_object_id = d.id
      join auth_permission p on p.id = g.permission_id
     where not d.inherits_grants and (g.expires_at is null or g.expires_at > now())
  union all
    select d.id, d.tenant_id, d.sensitivity, g.group_id, p.codename, g.expires_at, false, g.id, 'group'
      from retrieval_document d
      join retrieval_documentgroupobjectpermission g on g.content_object_id = d.id
      join auth_permission p on p.id = g.permission_id
      join accounts_group a on a.group_ptr_id = g.group_id and a.tenant_id = d.tenant_id
     where not d.inherits_grants and (g.expires_at is null or g.expires_at > now())
  union all
    select d.id, d.tenant_id, d.sensitivity, g.user_id, replace(p.codename, '_collection', '_document'),
           g.expires_at, true, g.id, 'user'
      from retrieval_document d
      join retrieval_collectionuserobjectpermission g on g.content_object_id = d.collection_id
      join auth_permission p on p.id = g.permission_id
     where d.inherits_grants and (g.expires_at is null or g.expires_at > now())
  union all
    select d.id, d.tenant_id, d.sensitivity, g.group_id, replace(p.codename, '_collection', '_document'),
           g.expires_at, true, g.id, 'group'
      from retrieval_document d
      join retrieval_collectiongroupobjectpermission g on g.content_object_id = d.collection_id
      join auth_permission p on p.id = g.permission_id
      join accounts_group a on a.group_ptr_id = g.group_id and a.tenant_id = d.tenant_id
     where d.inherits_grants and (g.expires_at is null or g.expires_at > now());

create or replace view retrieval_grant with (security_invoker = true) as
    select document_id, tenant_id, principal from retrieval_right where right_name = 'view_document';
"""

# An inheriting document names its collection; who is granted that acts as it. So a grant on a
# collection of any size writes one row, and the documents are not touched.
FLATTEN = """
create or replace function retrieval_flatten(ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'grants are changed under READ COMMITTED only';
    end if;
    perform 1 from retrieval_document where id = any(ids) order by id for update;
    update retrieval_document d
       set principals = f.principals, acl_version = d.acl_version + 1
      from (select t.id, array(
                select c.principal_id from retrieval_collection c
                 where t.inherits_grants and c.id = t.collection_id
                union
                select coalesce(g.timed_id, g.user_id) from retrieval_documentuserobjectpermission g
                  join auth_permission p on p.id = g.permission_id and p.codename = 'view_document'
                 where not t.inherits_grants and g.content_object_id = t.id
                union
                select coalesce(g.timed_id, g.group_id) from retrieval_documentgroupobjectpermission g
                  join auth_permission p on p.id = g.permission_id and p.codename = 'view_document'
                 where not t.inherits_grants and g.content_object_id = t.id
                order by 1) as principals
              from retrieval_document t where t.id = any(ids)) f
     where d.id = f.id and d.principals is distinct from f.principals;
end $$;
"""

# Every grant names somebody of the object's own organisation, and one with an end gets a principal.
GRANTED = """
create function retrieval_check_grant(organisation uuid, member bigint, members bigint, ends timestamptz)
returns void language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
    if member is not null and not exists (
        select 1 from accounts_membership where tenant_id = organisation and user_id = member)
       or members is not null and not exists (
        select 1 from accounts_group where tenant_id = organisation and group_ptr_id = members) then
        raise exception 'Access is granted to people and groups of the same organisation only.'
              using errcode = 'check_violation', constraint = 'grant_of_the_tenant';
    end if;
    if ends <= now() then
        raise exception 'A grant ends in the future.' using errcode = 'check_violation', constraint = 'grant_ends';
    end if;
end $$;

create function retrieval_time_grant(organisation uuid, holder bigint, ends timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    number bigint;
begin
    if ends is null then
        return null;
    end if;
    insert into accounts_principal (kind) values ('grant') returning id into number;
    insert into accounts_delegation (tenant_id, principal_id, holder_id, expires_at)
    values (organisation, number, holder, ends);
    return number;
end $$;
"""


def before_grant(kind: str, who: str) -> str:
    """The checks of one grant table, and the delegations that follow from its rows."""
    table = f"retrieval_{kind}{who}objectpermission"
    member, members = ("new.user_id", "null") if who == "user" else ("null", "new.group_id")
    timed = (
        f"new.timed_id := retrieval_time_grant(organisation, new.{who}_id, new.expires_at);"
        if kind == "document"
        else ""
    )
    return f"""
create function {table}_enters() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    organisation uuid := (select tenant_id from retrieval_{kind} where id = new.content_object_id);
begin
    perform retrieval_check_grant(organisation, {member}, {members}, new.expires_at);
    {timed}
    return new;
end $$;
create trigger enters before insert on {table} for each row execute function {table}_enters();
""" + (delegated(table, who) if kind == "collection" else timed_gone(table))


def delegated(table: str, who: str) -> str:
    return f"""
create function {table}_delegates() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into accounts_delegation (tenant_id, principal_id, holder_id, expires_at)
    select c.tenant_id, c.principal_id, g.{who}_id, g.expires_at
      from changed g join retrieval_collection c on c.id = g.content_object_id
      join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
    on conflict (holder_id, principal_id) do update set expires_at = excluded.expires_at;
    perform retrieval_bump_epoch(array(
        select distinct c.tenant_id from changed g join retrieval_collection c on c.id = g.content_object_id));
    return null;
end $$;
create function {table}_undelegates() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from accounts_delegation d
     using changed g
      join retrieval_collection c on c.id = g.content_object_id
      join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
     where d.principal_id = c.principal_id and d.holder_id = g.{who}_id;
    perform retrieval_bump_epoch(array(
        select distinct c.tenant_id from changed g join retrieval_collection c on c.id = g.content_object_id));
    return null;
end $$;
drop trigger granted on {table};
drop trigger revoked on {table};
create trigger granted after insert on {table}
    referencing new table as changed for each statement execute function {table}_delegates();
create trigger revoked after delete on {table}
    referencing old table as changed for each statement execute function {table}_undelegates();
"""


def timed_gone(table: str) -> str:
    """The principal of a grant with an end goes with it; `timed` orders this after the flattening."""
    return f"""
create function {table}_timed_gone() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from accounts_delegation where principal_id in (select timed_id from changed where timed_id is not null);
    delete from accounts_principal where id in (select timed_id from changed where timed_id is not null);
    return null;
end $$;
create trigger timed_gone after delete on {table}
    referencing old table as changed for each statement execute function {table}_timed_gone();
"""


GRANTED += "".join(
    before_grant(kind, who) for kind in ("document", "collection") for who in ("user", "group")
)
GRANTED += """
drop function retrieval_collection_grants_changed();

-- A collection takes its delegations along.
create function retrieval_collections_gone() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    delete from accounts_delegation where principal_id in (select principal_id from changed);
    delete from accounts_principal where id in (select principal_id from changed);
    return null;
end $$;
create trigger gone after delete on retrieval_collection
    referencing old table as changed for each statement execute function retrieval_collections_gone();

-- Grants of before: delegations for collections, and every document named anew.
insert into accounts_delegation (tenant_id, principal_id, holder_id)
select c.tenant_id, c.principal_id, g.user_id from retrieval_collectionuserobjectpermission g
  join retrieval_collection c on c.id = g.content_object_id
  join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
union
select c.tenant_id, c.principal_id, g.group_id from retrieval_collectiongroupobjectpermission g
  join retrieval_collection c on c.id = g.content_object_id
  join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
  join accounts_group a on a.group_ptr_id = g.group_id and a.tenant_id = c.tenant_id;
select retrieval_flatten(array(select id from retrieval_document));
"""

# Nothing is said of what only adds to what can be read: open answers need to hear of losses.
NEWS = """
create or replace function retrieval_documents_visibly_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform retrieval_bump_epoch(array(
        select distinct n.tenant_id from after_change n join before_change o on o.id = n.id
         where (n.principals, n.searchable, n.content_version, n.sensitivity, n.collection_id, n.title)
               is distinct from
               (o.principals, o.searchable, o.content_version, o.sensitivity, o.collection_id, o.title)));
    perform accounts_tell(array(
        select distinct 'tenant:' || o.tenant_id from before_change o left join after_change n on n.id = o.id
         where n.id is null or not o.principals <@ n.principals or (o.searchable and not n.searchable)
            or n.sensitivity > o.sensitivity or n.tenant_id <> o.tenant_id));
    return null;
end $$;

create function retrieval_documents_gone() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform retrieval_bump_epoch(array(select distinct tenant_id from changed));
    perform accounts_tell(array(select distinct 'tenant:' || tenant_id from changed));
    return null;
end $$;
drop trigger visibly_removed on retrieval_document;
create trigger visibly_removed after delete on retrieval_document
    referencing old table as changed for each statement execute function retrieval_documents_gone();
"""

LOCKS = f"""
alter policy inside on retrieval_document using ({READABLE_DOCUMENT}) with check ({READABLE_DOCUMENT});
alter policy inside on retrieval_conversation using ({OWN}) with check ({OWN});
alter policy inside on retrieval_query using ({OWN}) with check ({OWN});
create or replace view retrieval_findable_document as
    select d.id, d.tenant_id, d.collection_id, d.searchable, d.sensitivity, d.principals, d.chunk_count
      from retrieval_document d, (values (1)) as read_only
     where d.tenant_id = (select current_setting('ragsite.tenant')::uuid) and {HELD.format("d.")}
       and d.sensitivity <= {CEILING};
"""


class Migration(migrations.Migration):
    """Grants on collections become delegations, grants may end, and the ceiling becomes a lock.

    Documents that take their collection's grants name the collection's principal, so granting a
    collection or taking it back is one row whatever its size. Row-level security holds the ceiling
    too. Whoever may lose something is told over the channel `ragsite_rights`.
    Lock: the document table while its principals are written anew. Back: no, restore instead.
    """

    dependencies = [("retrieval", "0006_grants_end")]
    operations = [migrations.RunSQL(RIGHTS + FLATTEN + GRANTED + NEWS + LOCKS)]
