import django.db.models.deletion
from django.db import migrations, models

# Every collection gets a principal; the deferred checks of that are made before the column is altered.
NUMBER = """
do $$
declare
    shelf record;
    number bigint;
begin
    for shelf in select id from retrieval_collection loop
        insert into accounts_principal (kind) values ('collection') returning id into number;
        update retrieval_collection set principal_id = number where id = shelf.id;
    end loop;
end $$;
set constraints all immediate;
"""


class Migration(migrations.Migration):
    """Grants may end, and collections are principals of their own.

    Lock: the collection table, for as long as it takes to number its rows. Back: yes.
    """

    dependencies = [
        ("accounts", "0003_rights_hold"),
        ("retrieval", "0005_findable"),
    ]

    operations = [
        migrations.AddField(
            model_name="collection",
            name="principal",
            field=models.OneToOneField(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.principal",
            ),
        ),
        migrations.RunSQL(NUMBER, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="collection",
            name="principal",
            field=models.OneToOneField(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.principal",
            ),
        ),
        migrations.AddField(
            model_name="collectiongroupobjectpermission",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="collectionuserobjectpermission",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="documentgroupobjectpermission",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="documentgroupobjectpermission",
            name="timed",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.principal",
            ),
        ),
        migrations.AddField(
            model_name="documentuserobjectpermission",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="documentuserobjectpermission",
            name="timed",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.principal",
            ),
        ),
    ]
