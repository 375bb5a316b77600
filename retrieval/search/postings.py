"""Terms as the lexical index lists them: different in every tenant.

One GIN index serves all tenants. Were a term listed under the same number everywhere, a question in
one tenant would read through the chunks of all others, and take the longer the more they have.
"""

from collections.abc import Iterable
from uuid import UUID
from zlib import crc32

POSITIVE = 0x7FFFFFFF  # what a PostgreSQL integer holds above zero

# A row of the frequency table that counts chunks instead of a term's; it sorts before every term.
EVERY_CHUNK = -1


def postings(tenant_id: UUID, terms: Iterable[int]) -> dict[int, int]:
    """The number each term id is listed under in one tenant, by term id."""
    salt = crc32(tenant_id.bytes)
    return {term: crc32(term.to_bytes(4, "big"), salt) & POSITIVE for term in terms}
