"""Spaces of vectors. Those of two encoders do not compare, whatever their length."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The encoder that made some vectors, and their length."""

    name: str
    dimensions: int

    def __str__(self) -> str:
        return f"'{self.name}' with {self.dimensions} dimensions"
