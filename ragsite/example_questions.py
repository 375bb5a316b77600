"""Questions that a newcomer to the demonstration can ask with one click."""

import json
from pathlib import Path

OFFERED_MAX = 4


def example_questions(folder: Path) -> dict[str, tuple[str, ...]]:
    """By tenant slug: the first plain questions, one a document, whose answers everybody there may read.

    folder: of the demonstration's `manifest.json` and `questions.json`; without them there are none.
    """
    try:
        tenants = json.loads((folder / "manifest.json").read_text())["tenants"]
        questions = json.loads((folder / "questions.json").read_text())
    except FileNotFoundError:
        return {}
    offered: dict[str, tuple[str, ...]] = {}
    for tenant in tenants:
        shared = open_to_everyone(tenant)
        by_document = {
            asked["expect_document"]: asked["question"]
            for asked in reversed(questions)
            if asked["shows"] == "answer" and asked.get("expect_document") in shared
        }
        offered[tenant["slug"]] = tuple(reversed(by_document.values()))[:OFFERED_MAX]
    return offered


def open_to_everyone(tenant: dict[str, list[dict[str, object]]]) -> set[object]:
    """Paths of the documents that every member of the tenant may read."""
    everyone = ["group:Everyone"]
    shelves = {shelf["name"] for shelf in tenant["collections"] if shelf["grants"] == everyone}
    return {
        document["path"]
        for document in tenant["documents"]
        if document["grants"] is None and document["collection"] in shelves
    }
