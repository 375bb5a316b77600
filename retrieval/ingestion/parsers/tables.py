"""Tables as lines that each make sense alone, because a search finds lines and not tables."""

from collections.abc import Iterable, Iterator, Sequence

from retrieval.ingestion.parsers.composer import collapsed


def row_lines(rows: Iterable[Sequence[str]], header: Sequence[str] | None) -> Iterator[str]:
    """One line a row: `Header: value; Header: value` with a header, `value | value` without.

    Empty cells are left out; cells beyond the header are numbered columns.
    """
    names = None if header is None else [collapsed(name) for name in header]
    for row in rows:
        cells = [collapsed(cell) for cell in row]
        line = " | ".join(filter(None, cells)) if names is None else _labelled(names, cells)
        if line:
            yield line


def looks_like_header(row: Sequence[str]) -> bool:
    """Whether a first row names columns: every cell filled, all different, none a number."""
    cells = [collapsed(cell).casefold() for cell in row]
    return all(cells) and len(set(cells)) == len(cells) and not any(_numeric(cell) for cell in cells)


def _labelled(names: Sequence[str], cells: Sequence[str]) -> str:
    labels = [*names, *(f"Column {number}" for number in range(len(names) + 1, len(cells) + 1))]
    named = zip(labels, cells, strict=False)
    return "; ".join(f"{label}: {cell}" if label else cell for label, cell in named if cell)


def _numeric(cell: str) -> bool:
    return cell.strip("+-%€$£ ").replace(",", "").replace(".", "").replace("-", "").replace("/", "").isdigit()
