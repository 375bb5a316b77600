import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.scope

# Only the tenant's own work sees them: where documents come from is nothing a reader is shown.
INSIDE = (
    "tenant_id = (select current_setting('ragsite.tenant')::uuid)"
    " and (select current_setting('ragsite.purpose')) = 'manage'"
)
SECURE = """
alter table {0} enable row level security;
alter table {0} force row level security;
create policy inside on {0} using ({1}) with check ({1});
do $$ begin
    execute format('create policy owner_maintains on {0} to %I using (true) with check (true)', current_user);
end $$;
"""
UNSECURE = """
drop policy inside on {0};
drop policy owner_maintains on {0};
alter table {0} no force row level security;
alter table {0} disable row level security;
"""


class Migration(migrations.Migration):
    """Sources of documents and what was found in them, seen inside their tenant only.

    Lock: none on tables there are. Back: yes, and forgets which documents came from where.
    """

    dependencies = [
        ("accounts", "0004_sign_in"),
        ("retrieval", "0012_uploads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Source",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=150)),
                ("configuration", models.JSONField(default=dict)),
                ("sealed_secret", models.TextField(blank=True, editable=False)),
                (
                    "sensitivity",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "public"), (1, "internal"), (2, "confidential"), (3, "restricted")],
                        default=accounts.scope.Sensitivity["INTERNAL"],
                        verbose_name="level of its documents",
                    ),
                ),
                (
                    "schedule_minutes",
                    models.PositiveIntegerField(
                        default=60, help_text="How often it is looked at; 0: only when somebody asks."
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("removing", models.BooleanField(default=False, editable=False)),
                ("run_id", models.UUIDField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("requested_at", models.DateTimeField(editable=False, null=True)),
                ("cursor", models.JSONField(default=dict, editable=False)),
                ("last_started", models.DateTimeField(editable=False, null=True)),
                ("last_ended", models.DateTimeField(editable=False, null=True)),
                (
                    "last_outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not run yet"),
                            ("whole", "in step"),
                            ("partly", "partly, goes on"),
                            ("unconfirmed", "needs confirmation"),
                            ("failed", "failed"),
                        ],
                        default="",
                        editable=False,
                        max_length=12,
                    ),
                ),
                ("last_problem", models.CharField(blank=True, editable=False, max_length=500)),
                ("counts", models.JSONField(default=dict, editable=False)),
                ("runs", models.JSONField(default=list, editable=False)),
                ("removals_asked", models.PositiveIntegerField(default=0, editable=False)),
                ("removals_agreed", models.PositiveIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sources",
                        to="retrieval.collection",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
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
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SourceItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("external_id", models.CharField(max_length=1024)),
                ("name", models.CharField(max_length=300)),
                ("version", models.CharField(blank=True, max_length=300)),
                ("seen_in", models.UUIDField(null=True)),
                ("access_digest", models.CharField(blank=True, max_length=64)),
                ("problem", models.CharField(blank=True, max_length=500)),
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
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="retrieval.source",
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
                "ordering": ["pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.UniqueConstraint(fields=("tenant", "name"), name="source_name_in_tenant"),
        ),
        migrations.AddConstraint(
            model_name="sourceitem",
            constraint=models.UniqueConstraint(fields=("source", "external_id"), name="source_item_once"),
        ),
        migrations.AddConstraint(
            model_name="sourceitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("document__isnull", False)),
                fields=("document",),
                name="source_item_of_document",
            ),
        ),
        *(
            migrations.RunSQL(SECURE.format(table, INSIDE), UNSECURE.format(table))
            for table in ("retrieval_source", "retrieval_sourceitem")
        ),
    ]
