from django.db import migrations

GRANTS = """
-- Who may read which document, from guardian's tables: the truth that `principals` is made from.
create view retrieval_grant with (security_invoker = true) as
    select d.id as document_id, d.tenant_id, g.user_id as principal
    from retrieval_document d
    join retrieval_documentuserobjectpermission g on g.content_object_id = d.id
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_document'
    where not d.inherits_grants
  union all
    select d.id, d.tenant_id, g.group_id
    from retrieval_document d
    join retrieval_documentgroupobjectpermission g on g.content_object_id = d.id
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_document'
    join accounts_group a on a.group_ptr_id = g.group_id and a.tenant_id = d.tenant_id
    where not d.inherits_grants
  union all
    select d.id, d.tenant_id, g.user_id
    from retrieval_document d
    join retrieval_collectionuserobjectpermission g on g.content_object_id = d.collection_id
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
    where d.inherits_grants
  union all
    select d.id, d.tenant_id, g.group_id
    from retrieval_document d
    join retrieval_collectiongroupobjectpermission g on g.content_object_id = d.collection_id
    join auth_permission p on p.id = g.permission_id and p.codename = 'view_collection'
    join accounts_group a on a.group_ptr_id = g.group_id and a.tenant_id = d.tenant_id
    where d.inherits_grants;

-- Recompute the flattened principals of some documents. The rows are locked first and read in a
-- later statement: under READ COMMITTED that statement sees every grant committed before the lock
-- was had, so of two racing changes the second always sees the first.
create function retrieval_flatten(ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'grants are changed under READ COMMITTED only';
    end if;
    perform 1 from retrieval_document where id = any(ids) order by id for update;
    update retrieval_document d
       set principals = f.principals, acl_version = d.acl_version + 1
      from (select t.id, coalesce(array_agg(distinct g.principal order by g.principal)
                                  filter (where g.principal is not null), '{}') as principals
              from unnest(ids) as t(id) left join retrieval_grant g on g.document_id = t.id
             group by t.id) f
     where d.id = f.id and d.principals is distinct from f.principals;
end $$;

create function retrieval_document_grants_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if tg_op = 'INSERT' then
        -- A document's first own grant ends inheritance; taking the last one away does not bring it
        -- back, or a revocation could widen access.
        update retrieval_document set inherits_grants = false
         where inherits_grants and id in (select content_object_id from changed);
    end if;
    perform retrieval_flatten(array(select distinct content_object_id from changed));
    return null;
end $$;

create function retrieval_collection_grants_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    collections uuid[] := array(select distinct content_object_id from changed);
begin
    -- Documents entering the collection wait here, and then see the new grants.
    perform 1 from retrieval_collection where id = any(collections) order by id for update;
    perform retrieval_flatten(array(
        select id from retrieval_document where collection_id = any(collections) and inherits_grants));
    return null;
end $$;

create function retrieval_documents_entered() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform 1 from retrieval_collection
      where id in (select collection_id from entered) order by id for share;
    perform retrieval_flatten(array(select id from entered));
    return null;
end $$;

create function retrieval_documents_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    moved uuid[] := array(
        select n.id from after_change n join before_change o on o.id = n.id
         where n.collection_id <> o.collection_id or n.inherits_grants <> o.inherits_grants
            or n.tenant_id <> o.tenant_id);
begin
    if cardinality(moved) > 0 then
        perform 1 from retrieval_collection
          where id in (select collection_id from after_change where id = any(moved)) order by id for share;
        perform retrieval_flatten(moved);
    end if;
    return null;
end $$;

-- Only the functions above, which run as the tables' owner, write principals.
create function retrieval_protect_principals() returns trigger language plpgsql as $$
begin
    if current_user = (select pg_get_userbyid(relowner) from pg_class where oid = tg_relid) then
        return new;
    end if;
    if tg_op = 'INSERT' then
        new.principals := '{}';
        new.acl_version := 0;
    else
        new.principals := old.principals;
        new.acl_version := old.acl_version;
    end if;
    return new;
end $$;

create trigger protect_principals before insert or update on retrieval_document
    for each row execute function retrieval_protect_principals();
create trigger documents_entered after insert on retrieval_document
    referencing new table as entered for each statement execute function retrieval_documents_entered();
create trigger documents_moved after update on retrieval_document
    referencing old table as before_change new table as after_change
    for each statement execute function retrieval_documents_moved();

create function retrieval_refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception 'grants are not truncated: readers would keep their rights';
end $$;
"""


def grant_triggers(table: str, function: str) -> str:
    """Statement triggers for every way a grant table can change."""
    return f"""
create trigger granted after insert on {table}
    referencing new table as changed for each statement execute function {function}();
create trigger revoked after delete on {table}
    referencing old table as changed for each statement execute function {function}();
create function {table}_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    raise exception 'a grant is deleted and made anew, not changed';
end $$;
create trigger changed before update on {table} for each row execute function {table}_moved();
create trigger truncated before truncate on {table}
    for each statement execute function retrieval_refuse_truncate();
"""


TRIGGERS = "".join(
    grant_triggers(f"retrieval_{kind}{who}objectpermission", f"retrieval_{kind}_grants_changed")
    for kind in ("document", "collection")
    for who in ("user", "group")
)

EPOCHS = """
create function retrieval_bump_epoch(tenants uuid[]) returns void
language sql security definer set search_path = pg_catalog, public as $$
    insert into retrieval_epoch (tenant_id, value)
    select t, 1 from unnest(tenants) t
     where exists (select 1 from accounts_tenant a where a.id = t)
     order by t
    on conflict (tenant_id) do update set value = retrieval_epoch.value + 1
$$;

-- What a reader can see: a change of ingestion status alone is not one.
create function retrieval_documents_visibly_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform retrieval_bump_epoch(array(
        select distinct n.tenant_id from after_change n join before_change o on o.id = n.id
         where (n.principals, n.searchable, n.content_version, n.sensitivity, n.collection_id, n.title)
               is distinct from
               (o.principals, o.searchable, o.content_version, o.sensitivity, o.collection_id, o.title)));
    return null;
end $$;

create function retrieval_tenant_rows_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform retrieval_bump_epoch(array(select distinct tenant_id from changed));
    return null;
end $$;

create trigger visibly_changed after update on retrieval_document
    referencing old table as before_change new table as after_change
    for each statement execute function retrieval_documents_visibly_changed();
create trigger visibly_removed after delete on retrieval_document
    referencing old table as changed for each statement execute function retrieval_tenant_rows_changed();
"""


def epoch_triggers(table: str) -> str:
    """Bump the epoch on any change of a tenant's settings."""
    return f"""
create trigger epoch_on_insert after insert on {table}
    referencing new table as changed for each statement execute function retrieval_tenant_rows_changed();
create trigger epoch_on_update after update on {table}
    referencing new table as changed for each statement execute function retrieval_tenant_rows_changed();
create trigger epoch_on_delete after delete on {table}
    referencing old table as changed for each statement execute function retrieval_tenant_rows_changed();
"""


EPOCHS += epoch_triggers("retrieval_tenantpolicy") + epoch_triggers("retrieval_glossaryterm")


class Migration(migrations.Migration):
    """Flatten grants onto the document row, and count the epochs of what may be read.

    Statement triggers do both in the changing transaction, so there is no moment in which a revoked
    right still counts. Lock: brief, on the grant tables. Back: no, restore instead.
    """

    dependencies = [
        ("retrieval", "0002_search_tables"),
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunSQL(GRANTS + TRIGGERS + EPOCHS)]
