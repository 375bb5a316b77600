"""From a filter's tree to a query: names from a closed list, values only ever as parameters."""

from collections.abc import Callable, Mapping

from django.db.models import Q

from accounts.scim.errors import ScimError
from accounts.scim.grammar import AllOf, AnyOf, Compare, GrammarError, Node, Not, Value, parse_filter
from accounts.scim.wire import is_clean, number

Test = Callable[[str, Value], Q]
Attributes = Mapping[str, Test]

EVERY = Q(pk__isnull=False)  # an empty Q negated would still match everything
NONE = Q(pk__isnull=True)

ANY_CASE = {"eq": "iexact", "co": "icontains", "sw": "istartswith", "ew": "iendswith"}
EXACT_CASE = {"eq": "exact", "co": "contains", "sw": "startswith", "ew": "endswith"}


def matching(text: str, attributes: Attributes) -> Q:
    """The condition that a filter is; everything for an empty one. Raises ScimError."""
    if not text:
        return EVERY
    try:
        return _condition(parse_filter(text), attributes)
    except GrammarError as error:
        raise invalid_filter(f"The filter cannot be read: {error}.") from None


def invalid_filter(detail: str) -> ScimError:
    return ScimError(400, detail, scim_type="invalidFilter")


def _condition(node: Node, attributes: Attributes) -> Q:
    match node:
        case Compare():
            return _test(node, attributes)
        case Not(node=inner):
            return ~_condition(inner, attributes)
        case AllOf(nodes=nodes):
            conditions = [_condition(each, attributes) for each in nodes]
            return Q(*conditions)
        case AnyOf(nodes=nodes):
            conditions = [_condition(each, attributes) for each in nodes]
            return Q(*conditions, _connector=Q.OR)


def _test(node: Compare, attributes: Attributes) -> Q:
    test = attributes.get(node.attribute)
    if test is None:
        raise invalid_filter(f"'{node.attribute[:60]}' is no attribute to filter by.")
    if node.operator == "ne":
        return ~test("eq", node.value)
    return test(node.operator, node.value)


def _string(value: Value) -> str:
    if not isinstance(value, str) or not is_clean(value):
        raise invalid_filter("This attribute is compared with a string, in quotation marks.")
    return value


def _unsupported(operator: str) -> ScimError:
    return invalid_filter(f"The operator '{operator}' is not supported for this attribute.")


def text_test(field: str, *, any_case: bool, absent: Q | None = None) -> Test:
    """A column of text. absent: when it counts as not there, which no value equals; else when it is empty."""
    missing = absent or Q((field, ""))
    lookups = ANY_CASE if any_case else EXACT_CASE

    def test(operator: str, value: Value) -> Q:
        if operator == "pr":
            return ~missing
        if operator not in lookups:
            raise _unsupported(operator)
        return Q((f"{field}__{lookups[operator]}", _string(value))) & ~missing

    return test


def truth_test(field: str) -> Test:
    def test(operator: str, value: Value) -> Q:
        if operator == "pr":
            return EVERY
        if operator != "eq":
            raise _unsupported(operator)
        wanted = {"true": True, "false": False}.get(str(value).lower())
        if wanted is None:
            raise invalid_filter("This attribute is compared with true or false.")
        return Q((field, wanted))

    return test


def id_test(condition: Callable[[int], Q] = lambda wanted: Q(pk=wanted)) -> Test:
    """An id of ours, compared whole. condition: what a well-formed id selects."""

    def test(operator: str, value: Value) -> Q:
        if operator == "pr":
            return EVERY
        if operator != "eq":
            raise _unsupported(operator)
        wanted = number(_string(value))
        return NONE if wanted is None else condition(wanted)

    return test


def constant_test(constant: str) -> Test:
    """An attribute that has the same value everywhere."""

    def test(operator: str, value: Value) -> Q:
        if operator == "pr":
            return EVERY
        if operator != "eq":
            raise _unsupported(operator)
        return EVERY if _string(value).lower() == constant else NONE

    return test
