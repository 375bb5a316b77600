"""Filters find what they say, of this tenant, and nothing more: T-23, T-24."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership
from accounts.scim.grammar import (
    CHARS_MAX,
    DEPTH_MAX,
    AllOf,
    AnyOf,
    Compare,
    GrammarError,
    parse_filter,
    parse_path,
)
from tests.accounts.scim.directory import Directory, a_directory, claim
from tests.factories import a_tenant

TEXTS = [
    "",
    "a",
    "A",
    "an",
    "Ann%",
    "%",
    "_",
    "b_a",
    "O'Neil",
    'say "hi"',
    "back\\slash",
    "or",
    "a;--",
    "{x}",
    "a) or (b",
]
PEOPLE = [
    {"userName": f"{local}@acme.example", "displayName": name, "externalId": external, "active": active}
    for local, name, external, active in (
        ("ann", "Ann%", "a", True),
        ("ANNA", "O'Neil", "A", True),
        ("b_a", 'say "hi"', "", True),
        ("bxa", "back\\slash", "%", False),
        ("o'neil", "", "or", True),
        ("c", "a) or (b", "back\\slash", False),
    )
]
ATTRIBUTES = {
    "userName": "userName", "urn:ietf:params:scim:schemas:core:2.0:User:userName": "userName",
    "USERNAME": "userName", "emails.value": "userName", "displayName": "displayName",
    "name.formatted": "displayName", "externalId": "externalId",
}  # fmt: skip
EXACT = {"externalId"}

Tree = tuple[Any, ...]
comparisons = st.tuples(
    st.just("compare"),
    st.sampled_from(sorted(ATTRIBUTES)),
    st.sampled_from(["eq", "ne", "co", "sw", "ew", "EQ", "Sw"]),
    st.sampled_from(
        [*TEXTS, *(str(person[name]) for person in PEOPLE for name in ("userName", "externalId"))]
    ),
)
present = st.tuples(st.just("present"), st.sampled_from(sorted(ATTRIBUTES)))
active = st.tuples(st.just("active"), st.sampled_from(["eq", "ne"]), st.booleans())
trees = st.recursive(
    comparisons | present | active,
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner) | st.tuples(st.just("not"), inner),
    max_leaves=8,
)


def written(tree: Tree, within: str = "") -> str:
    """As text, with parentheses only where precedence asks for them."""
    match tree:
        case ("compare", attribute, operator, value):
            return f"{attribute} {operator} {json.dumps(value)}"
        case ("present", attribute):
            return f"{attribute} pr"
        case ("active", operator, value):
            return f"active {operator} {str(value).lower()}"
        case ("not", inner):
            return f"not ({written(inner)})"
        case (operator, left, right):
            text = f"{written(left, operator)} {operator} {written(right, operator)}"
            return f"({text})" if within == "and" and operator == "or" else text
    raise AssertionError(tree)


def holds(tree: Tree, person: dict[str, Any]) -> bool:
    """The RFC, slowly: what is not there equals nothing."""
    match tree:
        case ("compare", attribute, operator, value):
            name = ATTRIBUTES[attribute]
            return compared(operator.lower(), person[name], value, exact=name in EXACT)
        case ("present", attribute):
            return bool(person[ATTRIBUTES[attribute]])
        case ("active", operator, value):
            return (person["active"] is value) == (operator == "eq")
        case ("not", inner):
            return not holds(inner, person)
        case ("and", left, right):
            return holds(left, person) and holds(right, person)
        case ("or", left, right):
            return holds(left, person) or holds(right, person)
    raise AssertionError(tree)


def compared(operator: str, found: str, value: str, *, exact: bool) -> bool:
    if operator == "ne":
        return not compared("eq", found, value, exact=exact)
    if not found:
        return False
    if not exact:
        found, value = found.lower(), value.lower()
    tests = {"eq": found.__eq__, "co": found.__contains__, "sw": found.startswith, "ew": found.endswith}
    return bool(tests[operator](value))


@pytest.fixture
def populated(db: None) -> Directory:
    """A tenant with people, and another one with people of the same names and ids."""
    directory = None
    for domain in ("other.example", "acme.example"):
        tenant = a_tenant()
        claim(tenant, domain)
        directory = a_directory(tenant)
        for person in PEOPLE:
            sent = {name: value for name, value in person.items() if value != "" and name != "userName"}
            directory.a_user(str(person["userName"]).replace("acme.example", domain), **sent)
        Membership.objects.filter(pk=directory.owner.pk).update(is_active=True)
    assert directory is not None
    return directory


def test_a_filter_finds_exactly_whom_the_slow_reading_of_it_finds(populated: Directory):
    owner = {"userName": populated.owner.user.email, "displayName": "", "externalId": "", "active": True}
    everybody = [*PEOPLE, owner]

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(tree=trees)
    def agrees(tree: Tree) -> None:
        text = written(tree)
        if len(text) > CHARS_MAX:
            return
        found = populated.get("/Users", filter=text)
        assert found.status_code == 200, found.content
        expected = sorted(str(person["userName"]) for person in everybody if holds(tree, person))
        assert sorted(user["userName"] for user in found.body["Resources"]) == expected, text
        assert found.body["totalResults"] == len(expected)

    agrees()


def test_every_operator_takes_every_text_for_what_it_is(populated: Directory):
    """T-23: no quotation mark, wildcard or pattern in a value is anything but a character."""
    for attribute in ("userName", "displayName", "externalId"):
        for operator in ("eq", "ne", "co", "sw", "ew"):
            for text in TEXTS:
                tree = ("compare", attribute, operator, text)
                found = populated.get("/Users", filter=written(tree), attributes="userName").body["Resources"]
                expected = {person["userName"] for person in PEOPLE if holds(tree, person)}
                assert {user["userName"] for user in found} & {p["userName"] for p in PEOPLE} == expected, (
                    tree
                )


def test_whatever_text_comes_as_a_filter_finds_people_of_this_tenant_or_is_refused(populated: Directory):
    ours = set(Membership.objects.filter(tenant=populated.tenant).values_list("pk", flat=True))
    fragments = st.sampled_from(
        ["userName", "active", "id", " eq ", " pr", " and ", " or ", "not", "(", ")", "[", "]", '"', '"a"', "true",
         "null", "1", "' or 1=1 --", "\\", "\0", "tenant", "user__password", "é", ".", "emails", "."]
    )  # fmt: skip

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(text=st.lists(fragments, max_size=12).map("".join) | st.text(max_size=40))
    def stays_inside(text: str) -> None:
        found = populated.get("/Users", filter=text)
        if found.status_code == 400:
            assert found.body["scimType"] == "invalidFilter"
        else:
            assert {int(user["id"]) for user in found.body["Resources"]} <= ours

    stays_inside()


@pytest.mark.parametrize(
    "text",
    [
        'password eq "x"', 'user__password sw "pbkdf2"', 'tenant eq "x"', 'role eq "owner"', "is_superuser eq true",
        'userName__regex eq "."', '"userName" eq "x"', 'user.email eq "x"', '_connector eq "OR"', 'groups eq "1"',
        "userName eq 1", "userName eq null", "userName eq true", 'active eq "perhaps"', "active gt true", 'id co "1"',
        'userName gt "a"', 'userName like "a"', 'userName eq "\\u0000"', 'userName eq "\\ud800"', 'userName eq "a\\q"',
        "userName eq", "userName", "eq", "(userName pr", "userName pr)", "not userName pr", 'userName eq "a" "b"',
        "a" * (CHARS_MAX + 1), "(" * (DEPTH_MAX + 1) + "userName pr" + ")" * (DEPTH_MAX + 1), "(" * 900,
        "not (" * 150 + "userName pr" + ")" * 150, "emails[" * 140, 'emails[type eq "work"', "id eq 1",
    ],
)  # fmt: skip
def test_a_filter_by_another_name_or_of_another_grammar_is_refused(directory: Directory, text: str):
    for path in ("/Users", "/Groups"):
        refused = directory.get(path, filter=text)

        assert (refused.status_code, refused.body["scimType"]) == (400, "invalidFilter"), refused.content
    assert directory.entries("scim.refused")[-1].additional_data["rule"] == "invalidFilter"


def test_a_work_address_is_found_in_the_three_ways_in_which_it_is_looked_for(directory: Directory):
    made = directory.a_user("p@acme.example")

    for text in (
        'emails eq "p@acme.example"',
        'emails[type eq "work"].value eq "p@acme.example"',
        'emails[type eq "work" and value eq "P@acme.example"]',
    ):
        assert [user["id"] for user in directory.get("/Users", filter=text).body["Resources"]] == [made["id"]]
    assert directory.get("/Users", filter='emails[type eq "home"].value pr').body["Resources"] == []


def test_a_group_is_found_by_name_in_any_case_by_external_id_and_by_member(directory: Directory):
    person = directory.a_user("p@acme.example")["id"]
    group = directory.a_group("Sales", person, externalId="Abc")["id"]
    directory.a_group("Support")

    for text, found in (
        ('displayName eq "SALES"', True),
        ('displayName sw "sa" and externalId eq "Abc"', True),
        ('externalId eq "abc"', False),
        (f'members[value eq "{person}"]', True),
        (f'not (members eq "{person}")', False),
        (f'id eq "{group}"', True),
    ):
        ids = [each["id"] for each in directory.get("/Groups", filter=text).body["Resources"]]
        assert (group in ids) == found, text


def test_and_binds_tighter_than_or():
    a, b, c = (Compare(attribute=name, operator="pr") for name in "abc")

    assert parse_filter("a pr or b pr and c pr") == AnyOf(nodes=(a, AllOf(nodes=(b, c))))
    assert parse_filter("a pr and b pr or c pr") == AnyOf(nodes=(AllOf(nodes=(a, b)), c))
    assert parse_filter("(a pr or b pr) and c pr") == AllOf(nodes=(AnyOf(nodes=(a, b)), c))


def test_a_path_is_an_attribute_with_or_without_a_selection():
    assert (
        parse_path("urn:ietf:params:scim:schemas:core:2.0:User:Name.GivenName").attribute == "name.givenname"
    )
    path = parse_path('emails[type eq "work"].value')
    assert path.attribute == "emails.value"
    assert path.where == Compare(attribute="emails.type", operator="eq", value="work")
    for text in ("", "a b", "a[", "a[]", "1", ".a", 'a eq "b"', "a" * (CHARS_MAX + 1)):
        with pytest.raises(GrammarError):
            parse_path(text)
