from pathlib import Path

from django.conf import settings

from accounts.roles import MEANINGS, RIGHTS, Right, Role, may
from accounts.roles_doc import matrix, permissions_page


def test_the_page_on_disk_is_the_one_that_the_table_makes():
    """`manage.py permissions-doc` writes it anew."""
    assert (Path(settings.RAGSITE_ROOT) / "docs/permissions.md").read_text() == permissions_page()


def test_the_matrix_says_of_every_role_and_right_what_the_table_says():
    rows = {
        cells[0]: cells[1:]
        for line in matrix().splitlines()
        if line.startswith("| ") and (cells := [cell.strip() for cell in line.strip("|").split("|")])
    }
    for right in Right:
        for role, cell in zip(Role, rows[right.label], strict=True):
            assert (cell == "yes") is may(role, right)


def test_every_role_and_right_is_in_the_table_and_in_words():
    assert set(RIGHTS) == set(Role)
    assert set(MEANINGS) == set(Right)
