import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

TENANT = "tenant_id = (select current_setting('ragsite.tenant')::uuid)"
PRINCIPALS = "(select current_setting('ragsite.principals')::int8multirange)"
MANAGING = "(select current_setting('ragsite.purpose')) = 'manage'"
OWN = f"{TENANT} and ({MANAGING} or {PRINCIPALS} @> owner_id::bigint)"
SECURE = f"""
alter table retrieval_upload enable row level security;
alter table retrieval_upload force row level security;
create policy inside on retrieval_upload using ({OWN}) with check ({OWN});
do $$ begin
    execute format('create policy owner_maintains on retrieval_upload to %I using (true) with check (true)',
                   current_user);
end $$;
"""
UNSECURE = """
drop policy inside on retrieval_upload;
drop policy owner_maintains on retrieval_upload;
alter table retrieval_upload no force row level security;
alter table retrieval_upload disable row level security;
"""


class Migration(migrations.Migration):
    """Large files on their way in. Lock: none. Back: yes; uploads that were under way are begun anew."""

    dependencies = [
        ("accounts", "0005_tenant_keys"),
        ("retrieval", "0011_leases"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ResumableUpload",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=300)),
                ("title", models.CharField(blank=True, max_length=300)),
                (
                    "sensitivity",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")],
                        null=True,
                    ),
                ),
                ("size", models.PositiveBigIntegerField()),
                ("offset", models.PositiveBigIntegerField(default=0)),
                ("parts", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("whole", "Whole"),
                            ("finished", "Finished"),
                            ("refused", "Refused"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retrieval.collection",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="retrieval.document",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "db_table": "retrieval_upload",
                "indexes": [
                    models.Index(fields=["tenant", "owner", "state"], name="upload_owner"),
                    models.Index(fields=["tenant", "expires_at"], name="upload_expires"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("offset__lte", models.F("size"))),
                        name="upload_offset_within_size",
                    )
                ],
            },
        ),
        migrations.RunSQL(SECURE, UNSECURE),
    ]
