"""What is served to every browser, read as text."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

ROOT = Path(settings.RAGSITE_ROOT)
SCRIPTS = sorted((ROOT / "static/ragsite").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SHEETS = sorted((ROOT / "static/ragsite").glob("*.css"))

# Every way in which a text could become markup or code.
MARKUP_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|createContextualFragment|DOMParser"
    r"|srcdoc|\beval\(|new Function|setAttribute\(\s*[\"']on"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_never_turns_text_into_markup_or_code(script: Path) -> None:
    assert MARKUP_SINKS.findall(script.read_text()) == []


@pytest.mark.parametrize("file", [*SCRIPTS, *TEMPLATES, *SHEETS], ids=lambda path: path.name)
def test_a_file_names_nothing_on_other_hosts(file: Path) -> None:
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", file.read_text()) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_or_style_and_marks_nothing_safe(template: Path) -> None:
    text = template.read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|\|safe|autoescape off", text) == []


def test_a_static_file_is_kept_and_asked_about_again() -> None:
    first = Client().get("/static/ragsite/tokens.css")
    again = Client().get("/static/ragsite/tokens.css", headers={"If-Modified-Since": first["Last-Modified"]})

    assert first["Content-Type"] == "text/css"
    assert first["Cache-Control"] == "no-cache"
    assert first["X-Content-Type-Options"] == "nosniff"
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["none.css", "../ragsite/settings.py", "%2e%2e/manage.py", "ragsite", ""])
def test_only_static_files_are_served(path: str) -> None:
    assert Client().get(f"/static/{path}").status_code in (400, 404)
