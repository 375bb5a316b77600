"""A watched folder: what is in it, who may read that, and that nothing leads out of it."""

import os

import pytest

from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources import INHERIT, PRIVATE, ExternalAccess, ExternalDocument
from retrieval.sources.connector import cleaned
from retrieval.sources.folder import FolderConnector
from tests.retrieval.sources.places import a_site, documents_of


def connector(root, folder: str = "", shared: bool = True) -> FolderConnector:
    site = a_site(folder=root)
    return FolderConnector(cleaned(FolderConnector, {"folder": folder, "shared": shared}, site), "", site)


def found(root, folder: str = "", shared: bool = True) -> dict[str, ExternalDocument]:
    return {each.name: each for each in documents_of(connector(root, folder, shared))}


def read(root, name: str, folder: str = "") -> bytes:
    for change in documents_of(connector(root, folder)):
        if change.name == name:
            with change.open() as content:
                return content.read()
    raise AssertionError(name)


def write(path, text: str = "words"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_are_named_by_their_way_from_the_folder(tmp_path):
    write(tmp_path / "a.txt")
    write(tmp_path / "deep/er/b.txt", "deep words")
    write(tmp_path / ".hidden/c.txt")
    write(tmp_path / "d/.hidden.txt")

    assert sorted(found(tmp_path)) == ["a.txt", "deep/er/b.txt"]
    assert sorted(found(tmp_path, "deep")) == ["er/b.txt"]
    assert read(tmp_path, "er/b.txt", "deep") == b"deep words"


def test_the_version_changes_with_the_content(tmp_path):
    path = write(tmp_path / "a.txt")
    before = found(tmp_path)["a.txt"].version
    assert found(tmp_path)["a.txt"].version == before
    write(path, "other words")

    assert found(tmp_path)["a.txt"].version != before


def test_links_are_not_followed(tmp_path):
    outside = write(tmp_path / "outside/secret.txt", "secret")
    root = tmp_path / "root"
    write(root / "a.txt")
    (root / "file.txt").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "up").symlink_to("..")

    assert sorted(found(root)) == ["a.txt"]


@pytest.mark.parametrize("replaced", ["inner", "inner/a.txt"])
def test_a_folder_or_file_that_becomes_a_link_after_it_was_listed_is_not_followed(tmp_path, replaced):
    write(tmp_path / "outside/a.txt", "secret")
    root = tmp_path / "root"
    write(root / "inner/a.txt")
    changes = connector(root).changes({})
    change = next(changes)
    os.rename(root / replaced, tmp_path / "away")
    (root / replaced).symlink_to(tmp_path / "outside" / ("a.txt" if "." in replaced else ""))

    with pytest.raises((OSError, SourceUnavailable)), change.open() as content:
        content.read()
    changes.close()


@pytest.mark.parametrize("folder", ["..", "../other", "a/../../b", "/etc", "a\\b", ".", "a/./b"])
def test_a_folder_elsewhere_cannot_be_named(tmp_path, folder):
    with pytest.raises(SourceRefused):
        connector(tmp_path, folder)


def test_a_folder_that_is_a_link_is_not_entered(tmp_path):
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(SourceUnavailable):
        found(root, "link")


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path):
    with pytest.raises(SourceUnavailable):
        found(tmp_path / "unmounted")


def test_pipes_and_sockets_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")

    assert found(tmp_path) == {}


def test_a_name_that_is_no_text_is_said_and_does_not_stop_the_rest(tmp_path):
    write(tmp_path / "a.txt")
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "w"):
        pass
    changes = list(connector(tmp_path).changes({}))

    assert [getattr(change, "reason", "") for change in changes] == ["", "Its name is not written in UTF-8."]


def test_without_a_folder_of_the_operators_nothing_can_be_watched():
    with pytest.raises(SourceRefused, match="RAGSITE_SOURCE_FOLDERS"):
        connector(None)


FINANCE = ExternalAccess(people=frozenset({"ada@example.org"}), groups=frozenset({"Finance"}))
ONLY = 'access = "only"\npeople = ["Ada@example.org "]\ngroups = ["Finance"]\n'


@pytest.mark.parametrize(
    ("said", "access"),
    [
        ('access = "inherit"', INHERIT),
        (ONLY, FINANCE),
        ('access = "only"', PRIVATE),
        ("", PRIVATE),
        ("access = inherit", PRIVATE),
        ('access = "everybody"', PRIVATE),
        ('access = "inherit"\nmore = 1', PRIVATE),
        ('access = "only"\ngroups = "Finance"', PRIVATE),
        ('access = "only"\ngroups = [1]', PRIVATE),
        ('access = "only"\ngroup = ["Finance"]', PRIVATE),
        ("\x00", PRIVATE),
        ("# " + "x" * 70_000, PRIVATE),
        ("a = " + "[" * 5_000, PRIVATE),
    ],
    ids=range(13),
)
def test_a_folders_own_file_says_who_may_read_what_is_in_it(tmp_path, said, access):
    write(tmp_path / "a/.ragsite-access", said)
    write(tmp_path / "a/deep/b.txt")

    assert found(tmp_path)["a/deep/b.txt"].access == access


def test_the_nearest_file_wins(tmp_path):
    write(tmp_path / ".ragsite-access", 'access = "inherit"')
    write(tmp_path / "a/.ragsite-access", ONLY)
    write(tmp_path / "a/b/.ragsite-access", 'access = "only"')
    for path in ("x.txt", "a/x.txt", "a/b/x.txt", "a/c/x.txt"):
        write(tmp_path / path)
    access = {name: each.access for name, each in found(tmp_path, shared=False).items()}

    assert access == {"x.txt": INHERIT, "a/x.txt": FINANCE, "a/b/x.txt": PRIVATE, "a/c/x.txt": FINANCE}


def test_a_file_above_the_folder_chosen_counts_in_it(tmp_path):
    write(tmp_path / ".ragsite-access", ONLY)
    write(tmp_path / "a/b/x.txt")

    assert found(tmp_path, "a/b")["x.txt"].access == FINANCE


@pytest.mark.parametrize(("shared", "access"), [(True, INHERIT), (False, PRIVATE)])
def test_without_any_file_it_is_as_the_source_says(tmp_path, shared, access):
    write(tmp_path / "x.txt")

    assert found(tmp_path, shared=shared)["x.txt"].access == access


def test_a_file_that_is_a_link_says_nobody(tmp_path):
    write(tmp_path / "rule", 'access = "inherit"')
    root = tmp_path / "root"
    write(root / "x.txt")
    (root / ".ragsite-access").symlink_to(tmp_path / "rule")

    assert found(root)["x.txt"].access == PRIVATE
