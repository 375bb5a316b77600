import django.contrib.postgres.indexes
from django.db import migrations

AT_ONCE = """
alter index document_principals set (fastupdate = off);
select gin_clean_pending_list('document_principals');
"""


class Migration(migrations.Migration):
    """Enter principals into their index at once, without a list of pending entries.

    Documents are found principal by principal, and every one of those looks read that list from end to
    end: 1.2 s for somebody in a thousand groups after 2,000 grants on documents. Lock: brief. Back: yes.
    """

    dependencies = [("retrieval", "0008_standing")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(AT_ONCE, "alter index document_principals reset (fastupdate)")
            ],
            state_operations=[
                migrations.RemoveIndex("document", "document_principals"),
                migrations.AddIndex(
                    "document",
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["principals"], name="document_principals", fastupdate=False
                    ),
                ),
            ],
        )
    ]
