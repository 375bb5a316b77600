from django.db import migrations

# Joined to one constant row, so that no view can be written through.
VIEWS = """
create view retrieval_findable_document as
    select d.id, d.tenant_id, d.collection_id, d.searchable, d.sensitivity, d.principals, d.chunk_count
      from retrieval_document d, (values (1)) as read_only
     where d.tenant_id = (select current_setting('ragsite.tenant')::uuid)
       and d.principals && (select current_setting('ragsite.principals')::bigint[]);

create view retrieval_findable_lexeme as
    select l.chunk_id, l.tenant_id, l.document_id, l.terms, l.weights
      from retrieval_chunk_lexeme l, (values (1)) as read_only
     where l.tenant_id = (select current_setting('ragsite.tenant')::uuid);
"""


class Migration(migrations.Migration):
    """Give search the row-level conditions in a form that can use the GIN indexes.

    Below a policy only leakproof operators reach an index, and `&&` is not one: under the policies
    of 0004 every search would read all of its tenant's documents and lexemes. These views are their
    owner's and hold the same conditions on the same settings of the transaction, so they fail closed
    in the same way; they name no text.
    Lock: none. Back: yes. Old code: unaffected.
    """

    dependencies = [("retrieval", "0004_row_level_security")]
    operations = [
        migrations.RunSQL(VIEWS, "drop view retrieval_findable_document, retrieval_findable_lexeme")
    ]
