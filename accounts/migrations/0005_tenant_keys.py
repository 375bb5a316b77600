import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Only work on the tenant's own behalf sees a key, wrapped as it is; no person's reading does.
CONDITION = """tenant_id = (select current_setting('ragsite.tenant')::uuid)
    and (select current_setting('ragsite.purpose')) = 'manage'"""
SECURE = f"""
alter table accounts_tenantkey enable row level security;
alter table accounts_tenantkey force row level security;
create policy inside on accounts_tenantkey using ({CONDITION}) with check ({CONDITION});
do $$ begin
    execute format('create policy owner_maintains on accounts_tenantkey to %I using (true) with check (true)',
                   current_user);
end $$;
"""
UNSECURE = """
drop policy inside on accounts_tenantkey;
drop policy owner_maintains on accounts_tenantkey;
alter table accounts_tenantkey no force row level security;
alter table accounts_tenantkey disable row level security;
"""


class Migration(migrations.Migration):
    """The keys of tenants' files, wrapped. Lock: none. Back: yes, and every file is unreadable then."""

    dependencies = [("accounts", "0004_sign_in")]

    operations = [
        migrations.CreateModel(
            name="TenantKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("wrapped", models.BinaryField()),
                ("master_key_id", models.CharField(max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("destroyed_at", models.DateTimeField(editable=False, null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "version"), name="tenant_key_version"),
                    models.CheckConstraint(
                        condition=models.Q(("destroyed_at", None), ("wrapped", b""), _connector="OR"),
                        name="tenant_key_destroyed",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SECURE, UNSECURE),
    ]
