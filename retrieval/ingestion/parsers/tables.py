"""Tables as lines that each make sense alone, because a search finds lines and not tables."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from retrieval.ingestion.parsers.legible import collapsed

_BATCH_ROWS = 200  # written down at once, because cleaning one long text is cheaper than many short ones


def header_rows(header: Sequence[str]) -> str:
    """The two lines that begin a Markdown table, ended by a newline each."""
    rule = "| " + " | ".join("---" for _ in header) + " |"
    return f"{_row(header)}\n{rule}\n"


def markdown_rows(header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table line by line, its header first; rows without a filled cell are left out."""
    if header is not None:
        yield from header_rows(header).splitlines()
    for row in rows:
        if any(row) and (line := _row(row)).strip("| "):
            yield line


def batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Some lines at a time, so that neither one nor all of them are held."""
    remaining = iter(lines)
    while batch := list(islice(remaining, _BATCH_ROWS)):
        yield batch


def _row(cells: Sequence[str]) -> str:
    plain = "".join(cells)
    # Nearly every row of a large table is printable, and then three looks at it replace one at each cell.
    if plain.isprintable() and "|" not in plain and "  " not in plain:
        return "| " + " | ".join(map(str.strip, cells)) + " |"
    return "| " + " | ".join(collapsed(cell).replace("|", "\\|") for cell in cells) + " |"


def looks_like_header(row: Sequence[str]) -> bool:
    """Whether a first row names columns: every cell filled, all different, none a number."""
    cells = [collapsed(cell).casefold() for cell in row]
    return all(cells) and len(set(cells)) == len(cells) and not any(_numeric(cell) for cell in cells)


def _numeric(cell: str) -> bool:
    return cell.strip("+-%€$£ ").replace(",", "").replace(".", "").replace("-", "").replace("/", "").isdigit()
