"""The demonstration documents, their manifest and the questions agree with each other."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import docx
import pytest
from lxml import html
from pypdf import PdfReader

FOLDER = Path(__file__).parents[2] / "examples" / "data"
SIZE_MAX_BYTES = 1_500_000
CODE_WORD = "QUILLFEATHER"
ALL_ROLES = {"owner", "administrator", "compliance_officer", "editor", "member", "auditor"}
ANSWERED = {"answer", "masked", "follow_up", "cached", "glossary"}


class Person(TypedDict):
    email: str
    name: str
    role: str


class Group(TypedDict):
    name: str
    members: list[str]


class Collection(TypedDict):
    name: str
    description: str
    grants: list[str]


class DocumentEntry(TypedDict):
    path: str
    collection: str
    title: str
    sensitivity: str
    grants: list[str] | None
    expect: str


class Tenant(TypedDict):
    slug: str
    name: str
    glossary: dict[str, str]
    allowed_hosts: list[str]
    groups: list[Group]
    users: list[Person]
    collections: list[Collection]
    documents: list[DocumentEntry]


class DemoQuestion(TypedDict):
    id: str
    tenant: str
    asker: str
    question: str
    shows: str
    expect_document: str | None
    expect_contains: list[str]
    note: str


TENANTS: list[Tenant] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["tenants"]
QUESTIONS: list[DemoQuestion] = json.loads((FOLDER / "questions.json").read_text(encoding="utf-8"))
DOCUMENTS = {entry["path"]: entry for tenant in TENANTS for entry in tenant["documents"]}
ANSWERABLE = [question for question in QUESTIONS if question["shows"] in ANSWERED]
each_tenant = pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant["slug"])


def tenant_named(slug: str) -> Tenant:
    return next(tenant for tenant in TENANTS if tenant["slug"] == slug)


def docx_text(path: Path) -> str:
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return " ".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def html_text(path: Path) -> str:
    tree = html.fromstring(path.read_bytes())
    for hidden in tree.xpath("//*[contains(@style, 'display:none')]"):
        hidden.getparent().remove(hidden)
    return str(tree.text_content())


def visible_text(name: str) -> str:
    """What a reader of the file sees, with every run of white space as one space."""
    path = FOLDER / name
    match path.suffix:
        case ".pdf":
            text = " ".join(page.extract_text() for page in PdfReader(path).pages)
        case ".docx":
            text = docx_text(path)
        case ".html":
            text = html_text(path)
        case _:
            text = path.read_text(encoding="utf-8")
    return " ".join(text.split())


def readers(tenant: Tenant, entry: DocumentEntry) -> set[str]:
    """E-mail addresses of everyone whom the manifest lets read the document."""
    inherited = next(c["grants"] for c in tenant["collections"] if c["name"] == entry["collection"])
    members = {f"group:{group['name']}": set(group["members"]) for group in tenant["groups"]}
    members["group:Everyone"] = {person["email"] for person in tenant["users"]}
    grants = inherited if entry["grants"] is None else entry["grants"]
    return set().union(*(members.get(grant, {grant.removeprefix("user:")}) for grant in grants))


def every_text() -> dict[str, str]:
    """All texts of the demonstration by file name, hidden parts and sources among them."""
    plain = [p for p in FOLDER.rglob("*") if p.suffix in {".md", ".txt", ".html", ".csv", ".json", ".py"}]
    texts = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in plain}
    return texts | {name: visible_text(name) for name in DOCUMENTS if name.endswith((".pdf", ".docx"))}


def matches(pattern: str) -> set[str]:
    return {match for text in every_text().values() for match in re.findall(pattern, text)}


def test_every_file_is_in_the_manifest_once_and_every_entry_has_a_file() -> None:
    on_disk = [p for tenant in TENANTS for p in (FOLDER / tenant["slug"]).rglob("*") if p.is_file()]
    listed = [entry["path"] for tenant in TENANTS for entry in tenant["documents"]]

    assert sorted(listed) == sorted(str(path.relative_to(FOLDER)) for path in on_disk)


@each_tenant
def test_documents_lie_in_existing_collections_with_a_known_sensitivity(tenant: Tenant) -> None:
    collections = [collection["name"] for collection in tenant["collections"]]

    assert len(set(collections)) == len(collections)
    for entry in tenant["documents"]:
        assert entry["collection"] in collections
        assert entry["path"].startswith(tenant["slug"] + "/")
        assert entry["sensitivity"] in {"public", "internal", "confidential", "restricted"}
        assert entry["expect"] in {"indexed", "quarantined"}


@each_tenant
def test_grants_and_memberships_name_existing_groups_and_users(tenant: Tenant) -> None:
    emails = {person["email"] for person in tenant["users"]}
    principals = {f"user:{email}" for email in emails} | {
        f"group:{group['name']}" for group in tenant["groups"]
    }
    grants = [grant for collection in tenant["collections"] for grant in collection["grants"]]
    grants += [grant for entry in tenant["documents"] for grant in entry["grants"] or []]

    assert set(grants) <= principals | {"group:Everyone"}
    assert all(set(group["members"]) <= emails for group in tenant["groups"])


@each_tenant
def test_every_tenant_has_an_owner_and_addresses_of_its_own(tenant: Tenant) -> None:
    roles = [person["role"] for person in tenant["users"]]
    emails = [person["email"] for person in tenant["users"]]

    assert roles.count("owner") == 1
    assert set(roles) <= ALL_ROLES
    assert len(set(emails)) == len(emails)
    assert all(email.endswith(f"@{tenant['slug']}.example") for email in emails)


def test_acme_has_a_login_for_every_role_and_a_document_in_every_format() -> None:
    acme = tenant_named("acme")

    assert {person["role"] for person in acme["users"]} == ALL_ROLES
    suffixes = {Path(entry["path"]).suffix for entry in acme["documents"]}
    assert suffixes == {".txt", ".md", ".html", ".pdf", ".docx", ".csv"}


def test_questions_have_unique_ids_and_show_every_behaviour() -> None:
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS) >= 25
    assert {question["shows"] for question in QUESTIONS} == ANSWERED | {"refused", "nothing"}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_a_question_expects_a_document_exactly_when_it_is_answered(question: DemoQuestion) -> None:
    emails = {person["email"] for person in tenant_named(question["tenant"])["users"]}

    assert question["asker"] in emails
    assert (question["expect_document"] is not None) == (question["shows"] in ANSWERED)
    assert bool(question["expect_contains"]) == (question["shows"] in ANSWERED)
    assert ("history" in question) == (question["shows"] == "follow_up")


@pytest.mark.parametrize("question", ANSWERABLE, ids=lambda question: question["id"])
def test_an_expected_answer_stands_in_a_document_that_the_asker_may_read(question: DemoQuestion) -> None:
    entry = DOCUMENTS[question["expect_document"] or ""]
    text = visible_text(entry["path"])

    assert entry["expect"] == "indexed"
    assert question["asker"] in readers(tenant_named(question["tenant"]), entry)
    assert [expected for expected in question["expect_contains"] if expected not in text] == []


def test_who_finds_nothing_where_others_of_the_tenant_find_an_answer_may_not_read_it() -> None:
    forbidden = 0
    for question in QUESTIONS:
        for other in ANSWERABLE:
            same = (question["tenant"], question["question"]) == (other["tenant"], other["question"])
            if same and question["shows"] == "nothing":
                entry = DOCUMENTS[other["expect_document"] or ""]
                assert question["asker"] not in readers(tenant_named(question["tenant"]), entry)
                forbidden += 1
    assert forbidden >= 4


def test_a_cached_question_was_answered_before_in_the_same_tenant() -> None:
    for position, question in enumerate(QUESTIONS):
        if question["shows"] == "cached":
            earlier = [(q["tenant"], q["question"]) for q in QUESTIONS[:position] if q["shows"] == "answer"]
            assert (question["tenant"], question["question"]) in earlier


def test_glossary_questions_use_an_acronym_that_their_document_does_not() -> None:
    for question in (question for question in QUESTIONS if question["shows"] == "glossary"):
        glossary = tenant_named(question["tenant"])["glossary"]
        used = [acronym for acronym in glossary if re.search(rf"\b{acronym}\b", question["question"])]
        text = visible_text(question["expect_document"] or "")
        assert used
        assert not re.search(rf"\b{used[0]}\b", text)
        assert glossary[used[0]] in text.lower()


def test_poisoned_documents_carry_instructions_that_a_reader_does_not_see() -> None:
    poisoned = [path for path, entry in DOCUMENTS.items() if entry["expect"] == "quarantined"]
    hidden = {
        "acme/inbox/brightwell-newsletter.html": (
            FOLDER / "acme/inbox/brightwell-newsletter.html"
        ).read_text(),
        "acme/inbox/calibration-offer.docx": " ".join(
            comment.text
            for comment in docx.Document(str(FOLDER / "acme/inbox/calibration-offer.docx")).comments
        ),
    }

    assert sorted(poisoned) == sorted(hidden)
    for path, text in hidden.items():
        assert re.search(r"(ignore|disregard) all (previous|earlier) instructions", text)
        assert "collector.example.net" in text
        assert "instructions" not in visible_text(path)


def test_the_code_word_of_the_board_stands_in_one_document_of_globex_only() -> None:
    holders = {path for path in DOCUMENTS if CODE_WORD.lower() in visible_text(path).lower()}

    assert holders == {"globex/board/expansion-plan.md"}
    entry = DOCUMENTS["globex/board/expansion-plan.md"]
    assert readers(tenant_named("globex"), entry) == {"greta.lindqvist@globex.example"}


def test_both_tenants_answer_the_holiday_question_with_different_numbers() -> None:
    acme, globex = visible_text("acme/policies/holiday.md"), visible_text("globex/policies/holiday.md")

    assert ("27 days of paid holiday" in acme, "27 days" in globex) == (True, False)
    assert ("31 days of paid holiday" in globex, "31 days" in acme) == (True, False)


def test_addresses_and_hosts_are_reserved_for_examples() -> None:
    hosts = matches(r"[\w.+-]+@([\w.-]+\w)") | matches(r"https?://([\w.-]+\w)")

    assert hosts
    assert {
        host for host in hosts if not re.search(r"(^|\.)(example|example\.(com|net|org))$", host)
    } == set()


def test_personal_numbers_were_never_given_to_anybody() -> None:
    # Areas from 900 on are no social security numbers, and groups below 50 no taxpayer numbers either.
    assert matches(r"\b\d{3}-\d{2}-\d{4}\b") == {
        number for number in matches(r"\b\d{3}-\d{2}-\d{4}\b") if re.match(r"9\d\d-[0-4]\d-", number)
    }
    assert all(number[4:9] == "555-0" for number in matches(r"\b\d{3}-\d{3}-\d{4}\b"))
    assert matches(r"\b(?:\d[ -]?){15}\d\b") == set()


def test_no_text_holds_anything_like_a_secret() -> None:
    named = r"(?i)\b(?:password|passwd|token|secret|api[_-]?key)\s*[:=]\s*\S+"
    shaped = r"AKIA[0-9A-Z]{16}|\bsk-[\w-]{16,}|\bgh[pousr]_\w{20,}|-----BEGIN|eyJ[\w-]{20,}"

    assert matches(named) | matches(shaped) == set()


def test_all_files_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < SIZE_MAX_BYTES


def test_a_rebuild_of_the_binary_files_changes_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "build.py", tmp_path], check=True, capture_output=True)

    built = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert [str(path) for path in built] == sorted(p for p in DOCUMENTS if p.endswith((".pdf", ".docx")))
    for path in built:
        assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes(), path
