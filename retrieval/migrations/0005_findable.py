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


# In plpgsql for its plan cache: planning the view takes twenty times as long as reading it. `offset 0`
# keeps it from being read whole; the generic plan is then the right one, since every way in is by key.
GRANTED = """
create function retrieval_granted(documents uuid[], principals bigint[]) returns setof uuid
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
    return query select d.id from unnest(documents) d (id)
                  where exists (select 1 from retrieval_grant g
                                 where g.document_id = d.id and g.principal = any(principals) offset 0);
end $$;
"""


class Migration(migrations.Migration):
    """Give search the row-level conditions in a form that can use the GIN indexes.

    Below a policy only leakproof operators reach an index, and `&&` is not one: under the policies
    of 0004 every search would read all of its tenant's documents and lexemes. These views are their
    owner's and hold the same conditions on the same settings of the transaction, so they fail closed
    in the same way; they name no text.
    `retrieval_granted` tells which of some documents are granted to some principals, from guardian's
    tables, under the caller's rights.
    Lock: none. Back: yes. Old code: unaffected.
    """

    dependencies = [("retrieval", "0004_row_level_security")]
    operations = [
        migrations.RunSQL(VIEWS, "drop view retrieval_findable_document, retrieval_findable_lexeme"),
        migrations.RunSQL(GRANTED, "drop function retrieval_granted"),
    ]
