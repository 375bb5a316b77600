"""The demonstration, end to end with the real parts: every question of it, asked as its asker."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.database import managing
from accounts.models import Membership, Tenant
from accounts.resolve import scope_of
from retrieval.assembly import components, ingestion_components
from retrieval.demonstration import create_tenant, load_documents, read_manifest
from retrieval.flow.ask import ask_sync
from retrieval.models import Document
from retrieval.values.answers import Answered, NothingFound, Outcome, Refused, Source
from retrieval.values.events import Event, QuestionInspected
from retrieval.values.questions import Exchange, Question

FOLDER = Path(settings.RAGSITE_ROOT) / "examples" / "data"


@dataclass(slots=True)
class Heard:
    """The question as the input guardrail let it through."""

    text: str = ""

    async def __call__(self, event: Event) -> None:
        if isinstance(event, QuestionInspected):
            self.text = event.text


def load(tmp_path: Path) -> dict[str, str]:
    """The demonstration in this database; returns what became of each document."""
    ended: dict[str, str] = {}
    for described in read_manifest(FOLDER):
        tenant, _ = create_tenant(described)
        for taken in load_documents(tenant, described["documents"], FOLDER, ingestion_components()):
            ended[str(taken.path.relative_to(FOLDER))] = taken.outcome
    return ended


def ask_one(asked: dict[str, Any]) -> tuple[Outcome, str]:
    membership = Membership.objects.get(user__email=asked["asker"])
    history = tuple(Exchange(**exchange) for exchange in asked.get("history", []))
    heard = Heard()
    question = Question(text=asked["question"], scope=scope_of(membership), history=history)
    return ask_sync(question, components(), heard), heard.text


def complaint(asked: dict[str, Any], outcome: Outcome, masked: str) -> str:
    """What is wrong with an outcome, "" when it shows what the question is there to show."""
    match asked["shows"]:
        case "refused":
            return "" if isinstance(outcome, Refused) else f"was not refused: {outcome}"
        case "nothing":
            return "" if isinstance(outcome, NothingFound) else f"found something: {outcome}"
    if not isinstance(outcome, Answered):
        return f"was not answered: {outcome}"
    missing = [text for text in asked["expect_contains"] if text.lower() not in outcome.text.lower()]
    if missing:
        return f"lacks {missing}: {outcome.text}"
    if asked["shows"] == "cached" and outcome.source is Source.GENERATED:
        return "did not come from a cache"
    if asked["shows"] == "masked" and (masked == asked["question"] or "<" not in masked):
        return f"went on unmasked: {masked}"
    return "" if outcome.citations else "cites nothing"


def test_every_question_of_the_demonstration_shows_what_it_is_there_to_show(committed, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    ended = load(tmp_path)
    expected = {
        document["path"]: document["expect"]
        for tenant in read_manifest(FOLDER)
        for document in tenant["documents"]
    }
    assert ended == expected

    complaints = {}
    for asked in json.loads((FOLDER / "questions.json").read_text()):
        if said := complaint(asked, *ask_one(asked)):
            complaints[asked["id"]] = said
    assert complaints == {}
    assert_everything_stays_in_its_tenant()


def assert_everything_stays_in_its_tenant() -> None:
    for tenant in Tenant.objects.all():
        with managing(tenant.pk):
            assert set(Document.objects.values_list("tenant__slug", flat=True)) == {tenant.slug}


@pytest.mark.django_db
def test_the_demonstration_makes_one_login_for_each_role():
    logins = [login for described in read_manifest(FOLDER) for login in create_tenant(described)[1]]

    assert {login.role for login in logins if login.tenant == "acme"} == {
        "owner", "administrator", "compliance_officer", "editor", "member", "auditor",
    }  # fmt: skip
    assert len({login.password for login in logins}) == len(logins)
