"""Promises about the shape of the code, held by reading it."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("accounts", "compliance", "retrieval", "ragsite")


def modules() -> dict[str, ast.Module]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                found[str(path.relative_to(ROOT))] = ast.parse(path.read_text())
    return found


def calls_of(name: str) -> set[str]:
    """The files that call something of this name."""
    return {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "id", None), getattr(node.func, "attr", None))
    }


def test_only_the_permission_filter_makes_permitted_chunks():
    assert calls_of("PermittedChunks") == {"retrieval/search/permission.py"}
    assert calls_of("PermittedChunk") == {"retrieval/search/permission.py"}


def test_only_the_input_guardrail_makes_safe_questions():
    assert calls_of("SafeQuestion") == {"retrieval/guardrails/input.py"}


def test_the_query_flow_reads_for_a_person_and_never_manages():
    managing = calls_of("managing")
    for room in ("flow", "search", "cache", "generation", "encoders", "guardrails"):
        assert not [path for path in managing if path.startswith(f"retrieval/{room}/")], room


def test_nothing_evaluates_unpickles_or_loads_unsafe_yaml():
    """T-27."""
    assert calls_of("eval") == set()
    assert calls_of("exec") == set()
    banned = {"pickle", "marshal", "shelve", "yaml", "dill"}
    importing = {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and banned & {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module in banned)
    }
    assert importing == set()


def test_no_client_dictionary_is_expanded_into_a_query():
    """T-25: `filter(**something)` only where the keys are written in the code."""
    offending = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in ("filter", "exclude", "annotate", "order_by", "get"):
                expanded = [k.value for k in node.keywords if k.arg is None]
                if any(not isinstance(value, ast.Dict) for value in expanded):
                    offending.append(path)
    assert offending == []


def test_nothing_in_templates_is_marked_safe_or_inline():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        assert "|safe" not in text, path
        assert "<style" not in text, path
        assert "onclick" not in text, path


def test_no_script_writes_markup():
    for path in (ROOT / "static" / "ragsite").rglob("*.js"):
        text = path.read_text()
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert sink not in text, (path, sink)
