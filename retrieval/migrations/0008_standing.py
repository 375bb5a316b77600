from django.db import migrations

STANDING = """
-- Whether a person reads all of some documents now, as far as `ceiling`: by her membership and what she
-- acts as, or by an emergency access.
create function retrieval_person_reads(person bigint, organisation uuid, ceiling integer, documents uuid[])
returns boolean language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
    own integer;
    acting bigint[];
begin
    if not exists (select 1 from accounts_user where id = person and is_active)
       or not exists (select 1 from accounts_tenant where id = organisation and state = 'active') then
        return false;
    end if;
    select m.ceiling into own
      from accounts_membership m left join accounts_tenantrole r on r.id = m.own_role_id
     where m.tenant_id = organisation and m.user_id = person and m.is_active
       and (m.own_role_id is null or 'ask' = any(r.rights));
    if found then
        acting := accounts_group_ids(person, organisation) || person;
        acting := acting || array(
            select d.principal_id from accounts_delegation d
             where d.holder_id = any(acting) and d.tenant_id = organisation
               and (d.expires_at is null or d.expires_at > now()));
    elsif exists (select 1 from accounts_breakglass b join accounts_user u on u.id = b.user_id
                   where b.tenant_id = organisation and b.user_id = person and u.is_superuser
                     and b.ended_at is null and b.expires_at > now()) then
        own := ceiling;
    else
        return false;
    end if;
    return not exists (
        select 1 from unnest(documents) e (id)
         where not exists (
             select 1 from retrieval_document d
              where d.id = e.id and d.tenant_id = organisation and d.searchable
                and d.sensitivity <= least(own, ceiling)
                and (acting is null and cardinality(d.principals) > 0 or d.principals && acting)));
end $$;

-- The numbers of those claims that hold: a live credential, and every document readable. It tells
-- nothing but that, so it may look past the row-level policies.
create function retrieval_standing(claims jsonb) returns table (number integer)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
    return query
    select c.number
      from jsonb_to_recordset(claims) as c (number integer, person bigint, organisation uuid, ceiling integer,
                                            key bigint, session text, documents uuid[])
      left join lateral (
          select a.ceiling, true as live
            from accounts_apikey a join accounts_membership m on m.id = a.membership_id
           where a.id = c.key and m.user_id = c.person and m.tenant_id = c.organisation
             and a.revoked_at is null and (a.expires_at is null or a.expires_at > now())
             and 'ask' = any(a.scopes)) k on true
     where (c.key is null or k.live)
       and (c.session is null or exists (
            select 1 from django_session s where s.session_key = c.session and s.expire_date > now()))
       and retrieval_person_reads(c.person, c.organisation, least(c.ceiling, coalesce(k.ceiling, c.ceiling)),
                                  c.documents);
end $$;
"""


class Migration(migrations.Migration):
    """Whether open answers may go on, asked of the truth for many at once.

    Lock: none. Back: yes. Old code: unaffected.
    """

    dependencies = [("retrieval", "0007_delegations"), ("sessions", "0001_initial")]
    operations = [
        migrations.RunSQL(
            STANDING,
            "drop function retrieval_standing(jsonb); "
            "drop function retrieval_person_reads(bigint, uuid, integer, uuid[])",
        )
    ]
