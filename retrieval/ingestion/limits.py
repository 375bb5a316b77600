"""What reading one file may cost."""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Bounds on one file, what may be unpacked from it and what the process that reads it may use.

    A reader that goes on is left alone: its clocks begin anew with each frame and each page it answers,
    and `seconds_in_all` bounds the sum.
    """

    file_bytes_max: int = 50 * MEGABYTE
    wall_seconds_max: float = 60.0  # without any progress
    cpu_seconds_max: int = 45  # without any progress
    seconds_per_megabyte: float = 4.0  # a hundred times what plain text takes on a slow machine
    seconds_per_page: float = 1.0
    memory_bytes_max: int = 1024 * MEGABYTE  # address space, interpreter and libraries included
    text_chars_max: int = 10_000_000  # about 5,000 dense pages, of formats that are held whole
    streamed_chars_max: int = 600_000_000  # of formats that are read bit by bit: text, tables, JSON Lines
    hidden_chars_max: int = 1_000_000
    pages_max: int = 10_000
    sections_max: int = 50_000
    # A Word file of 500 pages with pictures has under 1,000 entries and shrinks to a tenth at best.
    zip_entries_max: int = 2_000
    zip_bytes_max: int = 200 * MEGABYTE
    zip_entry_bytes_max: int = 50 * MEGABYTE
    zip_ratio_max: int = 200
    # Text recognition of one page, in a process of its own with as much memory as the reader's.
    ocr_seconds_max: float = 60.0
    ocr_pages_max: int = 500

    def seconds_in_all(self, file_bytes: int, pages: int) -> float:
        """How long a file of this size may be read when its reader goes on all the time.

        pages: how many were read so far.
        """
        return (
            self.wall_seconds_max
            + self.seconds_per_megabyte * file_bytes / MEGABYTE
            + self.seconds_per_page * min(pages, self.pages_max)
        )
