"""Vectors of two encoders do not compare; an index holds those of one."""

from retrieval.errors import EncoderMismatch

Space = tuple[str, int]  # an encoder's name and its dimensions


def check_space(configured: Space, recorded: Space | None) -> None:
    """Refuse an encoder other than the one the index was built with.

    recorded: the index's own space; None: nothing is indexed yet, so any encoder will do.
    Raises EncoderMismatch, with a sentence for the person who configured it.
    """
    if recorded is None or configured == recorded:
        return
    raise EncoderMismatch(
        f"The index was built with {_described(recorded)};"
        f" the configured encoder is {_described(configured)}."
        " Configure the former again, or index every document anew with the latter."
    )


def _described(space: Space) -> str:
    name, dimensions = space
    return f"'{name}' ({dimensions} dimensions)"
