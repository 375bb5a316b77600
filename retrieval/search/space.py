"""Which encoder's vectors the index holds, and which encoders this process has to answer for them.

A re-embedding gives the index to another encoder between two statements. Processes that know both, as
RAGSITE_ENCODER and RAGSITE_NEXT_ENCODER, notice and go on.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.backends.utils import CursorWrapper

from retrieval.errors import EncoderMismatch
from retrieval.interfaces import Encoder
from retrieval.models import EmbeddingSpace
from retrieval.values.spaces import Space

# Of the index, and of the one that is being filled beside it.
WRITTEN = """
select name, dimensions, 0 as place from retrieval_embeddingspace
 union all
select name, dimensions, 1 from retrieval_reembedding where state = 'filling'
 order by place
"""


class Encoders:
    """The configured encoder, and the one that the index is to go over to, or came from."""

    def __init__(self, configured: Encoder, following: Encoder | None = None) -> None:
        self._known = [configured] if following is None else [configured, following]
        self.in_use = configured  # the index's, as far as this process has noticed

    def of(self, space: Space | None) -> Encoder:
        """The encoder of a space, which from now on is the one in use.

        None: nothing is indexed yet, so the configured one will do. Raises EncoderMismatch, with a
        sentence for the person who configured it.
        """
        if space is not None:
            self.in_use = self._found(space)
        return self.in_use

    def written(self) -> Sequence[Encoder]:
        """Whose vectors a new chunk needs: the index's own first, then those of the one that is built.

        The first encoder to write becomes the index's. An index that is built for an encoder unknown here is
        left out: whoever builds it fills the gap. Raises EncoderMismatch.
        """
        with connection.cursor() as cursor:
            own, following = written_spaces(cursor)
        if own is None:
            own = recorded_first(self._known[0])
        return [self.of(own), *(each for each in self._known if space_of(each) == following)]

    def _found(self, space: Space) -> Encoder:
        for encoder in (self.in_use, *self._known):
            if space_of(encoder) == space:
                return encoder
        known = " or ".join(str(space_of(encoder)) for encoder in self._known)
        raise EncoderMismatch(
            f"Everything here was indexed by encoder {space}, and configured is {known}. Configure"
            f" '{space.name}' as RAGSITE_ENCODER or RAGSITE_NEXT_ENCODER, or ingest all documents again into"
            " an empty index."
        )


def space_of(encoder: Encoder) -> Space:
    return Space(name=encoder.name, dimensions=encoder.dimensions)


def written_spaces(cursor: CursorWrapper) -> tuple[Space | None, Space | None]:
    """The index's space, None for an empty index, and that of the index built beside it, if there is one."""
    cursor.execute(WRITTEN)
    spaces = {place: Space(name=name, dimensions=dimensions) for name, dimensions, place in cursor.fetchall()}
    return spaces.get(0), spaces.get(1)


def recorded_space() -> Space | None:
    """The index's space; None as long as nothing is indexed."""
    row = EmbeddingSpace.objects.filter(pk=1).values_list("name", "dimensions").first()
    return Space(name=row[0], dimensions=row[1]) if row else None


def recorded_first(encoder: Encoder) -> Space:
    """Record an encoder as the index's, unless another one was quicker; returns whose it is."""
    own = {"name": encoder.name, "dimensions": encoder.dimensions}
    # Of two that are first at once, the database keeps one, and the other is measured against it.
    space, _ = EmbeddingSpace.objects.get_or_create(pk=1, defaults=own)
    return Space(name=space.name, dimensions=space.dimensions)
