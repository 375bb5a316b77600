"""An index holds the vectors of one encoder, because those of two do not compare."""

from retrieval.errors import EncoderMismatch
from retrieval.interfaces import Encoder
from retrieval.models import EmbeddingSpace


def check_recorded_space(encoder: Encoder) -> None:
    """Refuse to write with another encoder than the index's; the first one to write becomes it.

    Raises EncoderMismatch.
    """
    own = {"name": encoder.name, "dimensions": encoder.dimensions}
    # Of two that are first at once, the database keeps one, and the other is measured against it.
    space, _ = EmbeddingSpace.objects.get_or_create(pk=1, defaults=own)
    refuse_mismatch(encoder, space.name, space.dimensions)


def refuse_mismatch(encoder: Encoder, name: str | None, dimensions: int | None) -> None:
    """Compare an encoder with the index's own.

    name, dimensions: of the index's encoder; None: nothing is indexed yet, so any encoder will do.
    Raises EncoderMismatch, with a sentence for the person who configured it.
    """
    if name is None or (encoder.name, encoder.dimensions) == (name, dimensions):
        return
    raise EncoderMismatch(
        f"Everything here was indexed by encoder '{name}' with {dimensions} dimensions, and the configured"
        f" one is '{encoder.name}' with {encoder.dimensions}. Configure '{name}', or ingest all documents"
        " again into an empty index."
    )
