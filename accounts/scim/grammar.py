"""Filters and paths (RFC 7644, figures 1 and 7), from text to a tree; what the names mean is not known here.

Our own and not a library's: the one there is binds `or` as tightly as `and`, and ends a string at
an escaped quotation mark.
"""

import json
import re
from dataclasses import dataclass

CHARS_MAX = 1000
DEPTH_MAX = 10
CORE = ("urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:")

OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"})
LITERALS = {"true": True, "false": False, "null": None}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[a-z$][a-z0-9$_.:-]*)|(?P<sub>\.[a-z$][a-z0-9$_-]*)
          |(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<mark>[()\[\]]))""",
    re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL,
)

Value = str | bool | float | None


class GrammarError(Exception):
    """The text is no filter, or no path; says where it ceases to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """One test of one attribute; names are lower case and without the core schemas' prefix."""

    attribute: str
    operator: str
    value: Value = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    node: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    nodes: tuple["Node", ...]


Node = Compare | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a PATCH operation is about: an attribute, or the values of it that `where` selects."""

    attribute: str
    where: Node | None = None


def parse_filter(text: str) -> Node:
    """Raises GrammarError; bounded in length and depth."""
    parser = _Parser(text)
    node = parser.alternatives("")
    parser.expect_end()
    return node


def parse_path(text: str) -> Path:
    """Raises GrammarError; bounded in length and depth."""
    parser = _Parser(text)
    attribute = parser.attribute("")
    where = parser.bracket(attribute) if parser.takes("[") else None
    attribute += parser.sub_attribute()
    parser.expect_end()
    return Path(attribute=attribute, where=where)


class _Parser:
    """Recursive descent, one method a rule; `prefix` is the attribute whose brackets we are inside."""

    def __init__(self, text: str) -> None:
        if len(text) > CHARS_MAX:
            raise GrammarError(f"it has more than {CHARS_MAX} characters")
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def alternatives(self, prefix: str) -> Node:
        nodes = [self.conjunction(prefix)]
        while self.takes("or"):
            nodes.append(self.conjunction(prefix))
        return nodes[0] if len(nodes) == 1 else AnyOf(nodes=tuple(nodes))

    def conjunction(self, prefix: str) -> Node:
        nodes = [self.term(prefix)]
        while self.takes("and"):
            nodes.append(self.term(prefix))
        return nodes[0] if len(nodes) == 1 else AllOf(nodes=tuple(nodes))

    def term(self, prefix: str) -> Node:
        if self.takes("not"):
            self.expect("(")
            return Not(node=self.inside(prefix, ")"))
        if self.takes("("):
            return self.inside(prefix, ")")
        attribute = self.attribute(prefix)
        if not self.takes("["):
            return self.compare(attribute)
        where = self.bracket(attribute)
        sub = self.sub_attribute()
        return AllOf(nodes=(where, self.compare(attribute + sub))) if sub else where

    def bracket(self, attribute: str) -> Node:
        return self.inside(f"{attribute}.", "]")

    def inside(self, prefix: str, closing: str) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise GrammarError(f"it nests more than {DEPTH_MAX} deep")
        node = self.alternatives(prefix)
        self.expect(closing)
        self.depth -= 1
        return node

    def compare(self, attribute: str) -> Compare:
        kind, operator = self.next()
        operator = operator.lower()
        if kind != "word" or operator not in OPERATORS:
            raise GrammarError(f"'{operator[:20]}' is no operator")
        if operator == "pr":
            return Compare(attribute=attribute, operator=operator)
        return Compare(attribute=attribute, operator=operator, value=self.value())

    def attribute(self, prefix: str) -> str:
        kind, word = self.next()
        if kind != "word":
            raise GrammarError(f"'{word[:20]}' stands where an attribute is expected")
        return prefix + attribute_name(word)

    def sub_attribute(self) -> str:
        return (
            self.next()[1].lower() if self.at < len(self.tokens) and self.tokens[self.at][0] == "sub" else ""
        )

    def value(self) -> Value:
        kind, text = self.next()
        if kind == "text":
            return _unquoted(text)
        if kind == "number":
            return float(text)
        if kind == "word" and text.lower() in LITERALS:
            return LITERALS[text.lower()]
        raise GrammarError(f"'{text[:20]}' is no value; write text in quotation marks")

    def next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise GrammarError("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def takes(self, wanted: str) -> bool:
        """Whether this word or mark comes next; if so it is consumed."""
        found = self.at < len(self.tokens) and self.tokens[self.at][0] in ("word", "mark")
        found = found and self.tokens[self.at][1].lower() == wanted
        self.at += found
        return found

    def expect(self, wanted: str) -> None:
        if not self.takes(wanted):
            raise GrammarError(f"'{wanted}' is missing")

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise GrammarError(f"'{self.tokens[self.at][1][:20]}' is left over")


def attribute_name(word: str) -> str:
    """Names are case-insensitive, and the core schemas' may be written out (RFC 7644, 3.10)."""
    name = word.lower()
    for schema in CORE:
        name = name.removeprefix(schema)
    return name


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise GrammarError(f"it is unreadable at '{text[at : at + 20]}'")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise GrammarError("a string in it is badly escaped") from None
