from django.db import migrations

SQL = """
create sequence compliance_auditentry_sequence_seq owned by compliance_auditentry.sequence;

create function compliance_number_entry() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    new.sequence := nextval('compliance_auditentry_sequence_seq');
    return new;
end $$;
create trigger number_entry before insert on compliance_auditentry
    for each row execute function compliance_number_entry();

create function compliance_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only';
end $$;
create trigger append_only before update or delete on compliance_auditentry
    for each row execute function compliance_refuse_change();
create trigger append_only_whole before truncate on compliance_auditentry
    for each statement execute function compliance_refuse_change();

alter table compliance_auditentry enable row level security;
alter table compliance_auditentry force row level security;
create policy append on compliance_auditentry for insert with check (true);
create policy inside on compliance_auditentry for select
    using (tenant_id = (select current_setting('ragsite.tenant')::uuid)
           and (select current_setting('ragsite.purpose')) = 'manage');
"""

BACK = """
drop policy inside on compliance_auditentry;
drop policy append on compliance_auditentry;
alter table compliance_auditentry no force row level security;
alter table compliance_auditentry disable row level security;
drop function compliance_refuse_change() cascade;
drop function compliance_number_entry() cascade;
drop sequence compliance_auditentry_sequence_seq;
"""


class Migration(migrations.Migration):
    """Make the audit trail append-only, also for its owner, and readable in its tenant only.

    The application's role has INSERT and SELECT on it and nothing else (grant_application_role).
    Lock: brief. Back: yes.
    """

    dependencies = [("compliance", "0001_initial")]
    operations = [migrations.RunSQL(SQL, BACK)]
