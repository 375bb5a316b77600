"""The demonstration's accounts, one for each role."""

import json
from pathlib import Path

COLUMNS = ("tenant", "role", "email", "password")


def login_lines(path: Path) -> list[str]:
    """A table, line by line, of the accounts in the file that `load_demonstration` wrote; may be empty."""
    try:
        logins = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    rows = [COLUMNS, *(tuple(str(login[column]) for column in COLUMNS) for login in logins)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
