"""What was embedded for a chunk, from what is kept of it."""

from collections.abc import Callable
from dataclasses import dataclass

from retrieval.ingestion.cutting import HEADING_SEPARATOR, said_once

# Title and headings in as few tokens as the splitter allows them: `cutting.Counter.context`.
Contexts = Callable[[str, tuple[str, ...]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptText:
    """A chunk's words. context: what stood before the body; None: it was not kept in those days."""

    chunk_id: int
    context: str | None
    body: str
    heading: str
    title: str  # of the version, as its file calls itself


def embedding_text(kept: KeptText, contexts: Contexts) -> str:
    """The text to embed for a chunk.

    Without its context it is put together as the splitter would. The header of a table that the chunk was cut
    from the middle of is lost then, and a heading with " > " in it counts as two.
    """
    if kept.context is not None:
        return kept.context + kept.body
    path = tuple(kept.heading.split(HEADING_SEPARATOR)) if kept.heading else ()
    return said_once(contexts(kept.title, path), path, kept.body) + kept.body
