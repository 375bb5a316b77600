"""The SQL of search. Each plan is pinned by how it is written, so that no statistic can turn it.

`lateral (... offset 0)` is a fence: the planner must look the row up by its key for every outer row,
and may neither turn the join around nor hash the whole table. `+ 0` hides a distance from the vector
index, which would otherwise offer itself for an exact search. docs/search-plans.md shows the plans.
"""

# The first lock: who may find what, on the document row. The second lies in the views and policies
# below, which read the same from the transaction's settings. Chunks belong to versions, and a document
# names the one that is read: chunks of others are found by nobody. By bisection in a multirange: see
# `accounts.database.as_multirange`.
HELD = """(%(held)s::int8multirange @> d.principals[1] or cardinality(d.principals) > 1
    and exists (select 1 from unnest(d.principals) p where %(held)s::int8multirange @> p))"""
ASKED_FOR = """d.tenant_id = %(tenant)s and d.searchable and d.sensitivity <= %(ceiling)s
    and (%(collections)s::uuid[] is null or d.collection_id = any(%(collections)s::uuid[]))"""
READABLE = f"{ASKED_FOR} and {HELD}"

# Documents by who reads them, principal by principal: each is one short look into the GIN index, where
# one look for all of them would weigh every document found against every principal. A document that
# names several of them is found by the smallest only.
BY_PRINCIPAL = """{acting} cross join lateral (
    select d.* from retrieval_findable_document d
     where d.principals @> array[acting.id] and {condition}
       and (cardinality(d.principals) = 1
            or acting.id = (select min(p) from unnest(d.principals) p where %(held)s::int8multirange @> p))
    offset 0) d"""

ACTING = "unnest(%(principals)s::bigint[]) as acting (id)"
# A tenant's collections come after its people and groups as a rule, and name most of its documents.
NEWEST_FIRST = f"(select * from {ACTING} order by id desc) as acting"

# What the choice of a path needs, in one round trip.
OUTSET = """
select coalesce((select value from retrieval_epoch where tenant_id = %(tenant)s), 0),
       (select name from retrieval_embeddingspace), (select dimensions from retrieval_embeddingspace),
       array_agg(term), array_agg(chunks)
  from retrieval_lexeme_frequency where tenant_id = %(tenant)s and term = any(%(terms)s)
"""

# The settings of a search, sent before it as one text. Compiling a plan takes longer than running it.
# Sorting would compare every vector before it brings the first, and reading a table whole would shun
# both indexes. The walk through the graph goes on until enough passed.
SETTINGS = """
select set_config('jit', 'off', true), set_config('enable_sort', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.ef_search', %(breadth)s, true), set_config('hnsw.max_scan_tuples', '40000', true),
       set_config('hnsw.scan_mem_multiplier', '4', true);"""

# A search compares with vectors of its own encoder only. Read in its own snapshot: between two statements a
# re-embedding may have put the vectors of another one in this table's place. Vectors of another length would
# be an error, and of the same length nonsense.
SPACE = "(select name || ' ' || dimensions from retrieval_embeddingspace where id = 1)"
SAME_SPACE = f"{SPACE} is not distinct from %(space)s"
MOVED = "moved"  # the leg of the one row that says so

# The array is the outer side of one index scan, which reads each page once; a join would go down the
# index for every document, a quarter slower with 1,900 of them.
EXACT = f"""
dense as materialized (
    select chunk_id, r.id as document_id, distance
      from (select id as chunk_id, version_id, (embedding <=> %(vector)s::halfvec) + 0 as distance
              from retrieval_chunk
             where tenant_id = %(tenant)s and version_id = any(array(select version_id from readable))
               and {SAME_SPACE}
             order by distance limit %(depth)s) nearest
      join readable r using (version_id))"""

# Over-fetched and sorted again by who reads it: relaxed order is nearly, not quite, ascending.
APPROXIMATE = f"""
dense as materialized (
    select c.id as chunk_id, allowed.id as document_id, c.embedding <=> %(vector)s::halfvec as distance
      from retrieval_chunk c cross join lateral (
           select d.id from retrieval_findable_document d
            where d.version_id = c.version_id and {{readable}} offset 0) allowed
     where c.tenant_id = %(tenant)s and {SAME_SPACE}
     order by distance limit %(over_fetch)s)"""

EVERY_LEXEME = """
lexical as materialized (
    select chunk_id, r.id as document_id, distance
      from (select * from (
            select chunk_id, version_id, (weights <#> %(weights)s::sparsevec) + 0 as distance
              from retrieval_findable_lexeme
             where tenant_id = %(tenant)s and version_id = any(array(select version_id from readable)) offset 0) every
             where distance < 0 order by distance limit %(depth)s) best
      join readable r using (version_id))"""

# Sorted before rights are looked up, which then ends with the last chunk that is needed.
RARE_LEXEMES = """
listed as materialized (
    select chunk_id, version_id, (weights <#> %(weights)s::sparsevec) + 0 as distance
      from retrieval_findable_lexeme where tenant_id = %(tenant)s and terms && %(rare)s::integer[]
     order by distance),
lexical as materialized (
    select l.chunk_id, allowed.id as document_id, l.distance
      from listed l cross join lateral (
           select d.id from retrieval_findable_document d
            where d.version_id = l.version_id and {readable} offset 0) allowed
     order by l.distance limit %(depth)s)"""

FOUND = f"""
select 'dense' as leg, chunk_id, document_id, 1 - distance as score from dense
 union all
select 'lexical', chunk_id, document_id, -distance from lexical
 union all
select '{MOVED}', 0, null::uuid, 0 where {SPACE} is distinct from %(space)s
"""


def count_readable() -> str:
    """The sum of readable chunks, over at most `documents_max` documents, and how many those were.

    It ends with the last document that is needed, and every counted document has a chunk, so a tenant's
    size does not make counting slow. Found by a principal that is held, and no text is read: HELD would
    only be weighed once more for each of thousands of documents.
    """
    found = _documents(NEWEST_FIRST, f"{ASKED_FOR} and d.chunk_count > 0")
    return f"""
select coalesce(sum(chunk_count), 0), count(*)
  from (select d.chunk_count from {found} limit %(documents_max)s) counted"""


def search(*, exact: bool, every_lexeme: bool) -> str:
    """Both searches as one statement; rows are (leg, chunk id, document id, score)."""
    found = _documents(ACTING, READABLE)
    readable = f"readable as materialized (select d.id, d.version_id from {found})"
    dense = EXACT if exact else APPROXIMATE
    lexical = EVERY_LEXEME if every_lexeme else RARE_LEXEMES
    parts = [dense, lexical]
    if exact or every_lexeme:
        parts.insert(0, readable)
    # Not str.format: the placeholders of parameters stand in the text as well.
    return "with " + ",".join(parts).replace("{readable}", READABLE) + FOUND


def _documents(acting: str, condition: str) -> str:
    return BY_PRINCIPAL.replace("{acting}", acting).replace("{condition}", condition)
