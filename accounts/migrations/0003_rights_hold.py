from django.db import migrations

GROUPS = """
-- The groups a person is in: everybody's, her own, and every group those are nested in. Level by level
-- with arrays, since an index takes a thousand ids at once for the price of a few joins row by row.
create function accounts_group_ids(person bigint, organisation uuid) returns bigint[]
language plpgsql stable as $$
declare
    held bigint[];
    level bigint[];
begin
    level := array(select group_id from accounts_user_groups where user_id = person);
    level := array(select group_ptr_id from accounts_group
                    where tenant_id = organisation and group_ptr_id = any(level));
    held := level || array(select group_ptr_id::bigint from accounts_group
                            where tenant_id = organisation and builtin);
    for depth in 1 .. 5 loop
        level := array(select distinct outer_id from accounts_groupnesting where inner_id = any(level));
        exit when cardinality(level) = 0;
        held := held || level;
    end loop;
    return array(select distinct unnest(held));
end $$;

-- What a person acts as: her groups, and the collections and grants that she or they hold; and the
-- first moment at which one of those ends.
create function accounts_acting_as(person bigint, organisation uuid, out groups bigint[],
                                   out acting bigint[], out ends timestamptz)
language plpgsql stable as $$
begin
    groups := accounts_group_ids(person, organisation);
    select coalesce(array_agg(h.principal_id), '{}'), min(h.ends_at) into acting, ends
      from (select d.principal_id, min(d.expires_at) as ends_at
              from accounts_delegation d
             where d.holder_id = any(groups || person) and d.tenant_id = organisation
               and (d.expires_at is null or d.expires_at > now())
             group by d.principal_id) h;
end $$;

-- Nesting ends: no cycle, no way longer than five groups, nothing of another tenant, never everybody.
-- The lock is the tenant's: of two nestings that close a circle together, the second sees the first.
create function accounts_check_nesting() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    above integer;
    below integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('ragsite nesting ' || new.tenant_id, 0));
    if (select count(*) from accounts_group g
         where g.group_ptr_id in (new.outer_id, new.inner_id) and g.tenant_id = new.tenant_id and not g.builtin)
       < 2 then
        raise exception 'Only two different groups of one organisation can be nested, and not everybody''s.'
              using errcode = 'check_violation', constraint = 'group_nesting';
    end if;
    with recursive up (id, depth) as (
        select new.outer_id, 1
        union all
        select n.outer_id, up.depth + 1 from up join accounts_groupnesting n on n.inner_id = up.id
         where up.depth < 16)
    select max(depth), max(depth) filter (where id = new.inner_id) into above, below from up;
    if below is not null then
        raise exception 'The outer group is inside the inner one already; groups cannot form a circle.'
              using errcode = 'check_violation', constraint = 'group_nesting';
    end if;
    with recursive down (id, depth) as (
        select new.inner_id, 1
        union all
        select n.inner_id, down.depth + 1 from down join accounts_groupnesting n on n.outer_id = down.id
         where down.depth < 16)
    select max(depth) into below from down;
    if above + below > 5 then
        raise exception 'Groups nest at most five deep; this would make %.', above + below
              using errcode = 'check_violation', constraint = 'group_nesting';
    end if;
    return new;
end $$;
create trigger checked before insert or update on accounts_groupnesting
    for each row execute function accounts_check_nesting();
"""

OWNERS = """
-- The last owner cannot leave: not by role, not by membership, not by account. A tenant that is being
-- deleted says so first.
create function accounts_keep_an_owner(organisation uuid, leaving bigint) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if coalesce(current_setting('ragsite.deleting', true), '') = organisation::text then
        return;
    end if;
    perform 1 from accounts_tenant where id = organisation for update;
    if not found then
        return;
    end if;
    if not exists (
        select 1 from accounts_membership m join accounts_user u on u.id = m.user_id
         where m.tenant_id = organisation and m.role = 'owner' and m.own_role_id is null and m.is_active
           and u.is_active and not u.is_service and m.user_id <> leaving) then
        raise exception 'An organisation keeps at least one owner; appoint another one first.'
              using errcode = 'check_violation', constraint = 'last_owner';
    end if;
end $$;

create function accounts_owner_leaves() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if old.role = 'owner' and old.own_role_id is null and old.is_active
       and (tg_op = 'DELETE' or new.role <> 'owner' or new.own_role_id is not null or not new.is_active
            or new.tenant_id <> old.tenant_id or new.user_id <> old.user_id)
       and exists (select 1 from accounts_user where id = old.user_id and is_active and not is_service) then
        perform accounts_keep_an_owner(old.tenant_id, old.user_id);
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;
create trigger owner_leaves before update or delete on accounts_membership
    for each row execute function accounts_owner_leaves();

create function accounts_owning_user_leaves() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if old.is_active and not old.is_service and (not new.is_active or new.is_service) then
        perform accounts_keep_an_owner(m.tenant_id, old.id) from accounts_membership m
          where m.user_id = old.id and m.role = 'owner' and m.own_role_id is null and m.is_active;
    end if;
    return new;
end $$;
create trigger owner_leaves before update on accounts_user
    for each row execute function accounts_owning_user_leaves();

-- A role of one tenant is no role in another.
create function accounts_check_own_role() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if new.own_role_id is not null
       and not exists (select 1 from accounts_tenantrole r where r.id = new.own_role_id and r.tenant_id = new.tenant_id)
    then
        raise exception 'There is no such role in this organisation.'
              using errcode = 'check_violation', constraint = 'membership_own_role';
    end if;
    return new;
end $$;
create trigger own_role before insert or update on accounts_membership
    for each row execute function accounts_check_own_role();
"""

# One channel, three kinds of news: "tenant:<id>", "user:<id>" and "session:<SHA-256 of its key>".
NEWS = """
create function accounts_tell(subjects text[]) returns void language plpgsql as $$
begin
    perform pg_notify('ragsite_rights', s) from unnest(subjects) s where s is not null;
end $$;

create function accounts_tenant_rows_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(select distinct 'tenant:' || tenant_id from changed));
    return null;
end $$;

create function accounts_user_rows_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(select distinct 'user:' || user_id from changed));
    return null;
end $$;

create function accounts_users_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(
        select 'user:' || o.id from before_change o left join after_change n on n.id = o.id
         where (n.is_active, n.password, n.is_superuser)
               is distinct from (o.is_active, o.password, o.is_superuser)));
    return null;
end $$;

create function accounts_tenants_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(
        select 'tenant:' || o.id from before_change o join after_change n on n.id = o.id where n.state <> o.state));
    return null;
end $$;

create function accounts_keys_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(
        select distinct 'user:' || m.user_id
          from before_change o join after_change n on n.id = o.id
          join accounts_membership m on m.id = o.membership_id
         where (n.revoked_at, n.expires_at, n.scopes, n.ceiling, n.addresses, n.membership_id)
               is distinct from (o.revoked_at, o.expires_at, o.scopes, o.ceiling, o.addresses, o.membership_id)));
    return null;
end $$;

create function accounts_deleted_keys_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(
        select distinct 'user:' || m.user_id from changed join accounts_membership m on m.id = changed.membership_id));
    return null;
end $$;

create trigger users_tell after update on accounts_user
    referencing old table as before_change new table as after_change
    for each statement execute function accounts_users_tell();
create trigger tenants_tell after update on accounts_tenant
    referencing old table as before_change new table as after_change
    for each statement execute function accounts_tenants_tell();
create trigger keys_tell after update on accounts_apikey
    referencing old table as before_change new table as after_change
    for each statement execute function accounts_keys_tell();
create trigger deleted_keys_tell after delete on accounts_apikey
    referencing old table as changed for each statement execute function accounts_deleted_keys_tell();
create trigger left_group after delete on accounts_user_groups
    referencing old table as changed for each statement execute function accounts_user_rows_tell();
create trigger moved_group after update on accounts_user_groups
    referencing old table as changed for each statement execute function accounts_user_rows_tell();
"""


def tells(table: str) -> str:
    """News of the tenant whenever a row of the table changes or goes."""
    return f"""
create trigger changed_tells after update on {table}
    referencing old table as changed for each statement execute function accounts_tenant_rows_tell();
create trigger gone_tells after delete on {table}
    referencing old table as changed for each statement execute function accounts_tenant_rows_tell();
"""


# What may take a right away from many at once; a person's own rows name the person.
NEWS += "".join(tells(f"accounts_{name}") for name in ("group", "groupnesting", "tenantrole", "delegation"))
NEWS += """
create trigger changed_tells after update on accounts_membership
    referencing old table as changed for each statement execute function accounts_user_rows_tell();
create trigger gone_tells after delete on accounts_membership
    referencing old table as changed for each statement execute function accounts_user_rows_tell();
create trigger changed_tells after update on accounts_breakglass
    referencing old table as changed for each statement execute function accounts_user_rows_tell();
create trigger gone_tells after delete on accounts_breakglass
    referencing old table as changed for each statement execute function accounts_user_rows_tell();

create function accounts_sessions_tell() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    perform accounts_tell(array(
        select 'session:' || encode(sha256(convert_to(session_key, 'UTF8')), 'hex') from changed));
    return null;
end $$;
create trigger gone_tells after delete on django_session
    referencing old table as changed for each statement execute function accounts_sessions_tell();
"""

# A right to many rows at once must not be lost to a trigger that was not looking.
TRUNCATES = """
create function accounts_refuse_truncate() returns trigger language plpgsql as $$
begin
    raise exception 'rows that carry rights are deleted, not truncated';
end $$;
""" + "".join(
    f"""create trigger truncated before truncate on {table}
    for each statement execute function accounts_refuse_truncate();
"""
    for table in (
        "accounts_membership",
        "accounts_user_groups",
        "accounts_groupnesting",
        "accounts_delegation",
    )
)


class Migration(migrations.Migration):
    """Groups nest without circles, the last owner stays, and whoever loses a right is known at once.

    Lock: brief, on the identity tables. Back: no, restore instead.
    """

    dependencies = [("accounts", "0002_roles_nesting_delegations"), ("sessions", "0001_initial")]
    operations = [
        # A key of before had no scopes and could do what its owner could; asking is what keys were for.
        migrations.RunSQL("update accounts_apikey set scopes = array['ask'] where scopes = '{}'"),
        migrations.RunSQL(GROUPS + OWNERS + NEWS + TRUNCATES),
    ]
