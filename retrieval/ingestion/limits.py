"""What reading one file may cost."""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Bounds on one file, what may be unpacked from it and what the process that reads it may use."""

    file_bytes_max: int = 50 * MEGABYTE
    wall_seconds_max: float = 60.0
    cpu_seconds_max: int = 45
    memory_bytes_max: int = 1024 * MEGABYTE  # address space, interpreter and libraries included
    text_chars_max: int = 10_000_000  # about 5,000 dense pages
    hidden_chars_max: int = 1_000_000
    pages_max: int = 5_000
    sections_max: int = 50_000
    # A Word file of 500 pages with pictures has under 1,000 entries and shrinks to a tenth at best.
    zip_entries_max: int = 2_000
    zip_bytes_max: int = 200 * MEGABYTE
    zip_entry_bytes_max: int = 50 * MEGABYTE
    zip_ratio_max: int = 200
