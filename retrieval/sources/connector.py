"""What a connector is: the one class to write for another kind of source."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from accounts.outbound import Dialler
from retrieval.errors import SourceRefused
from retrieval.sources.values import INHERIT, PRIVATE, Change, ExternalAccess, ExternalDocument, Skipped

LINE_CHARS_MAX = 1_000
LINES_MAX = 500
NUMBER_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a source of this kind is told. `lines` is a list of texts.

    place: says where the source is or as whom; a change of it makes the secret void.
    """

    name: str
    label: str
    kind: Literal["line", "lines", "number", "yes"] = "line"
    help: str = ""
    required: bool = False
    initial: Any = None
    place: bool = False

    def checked(self, sent: Any) -> Any:
        """The value as it is kept. Raises SourceRefused."""
        match self.kind:
            case "yes" if isinstance(sent, bool):
                return sent
            case "number" if isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent <= NUMBER_MAX:
                return sent
            case "line" if isinstance(sent, str) and self.plain(sent):
                return sent.strip()
            case "lines" if isinstance(sent, list) and len(sent) <= LINES_MAX:
                if all(isinstance(line, str) and self.plain(line) for line in sent):
                    return [line.strip() for line in sent if line.strip()]
        raise SourceRefused(f"'{self.label}' is not filled in as it should be.", self.name)

    @staticmethod
    def plain(text: str) -> bool:
        return len(text) <= LINE_CHARS_MAX and all(c.isprintable() for c in text)


# Asked of every kind. The default is that nobody reads what nobody was named for.
ACCESS = Field(
    name="shared",
    label="Whoever may read the collection may read what has no rule of its own",
    kind="yes",
    initial=False,
    help="Off: nobody may, until access is granted to a document.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What this installation lets the sources of one tenant do.

    folder: the one its watched folders lie in; None: it may watch none. sleep: waits some seconds.
    """

    dialler: Dialler
    folder: Path | None
    plain_mail: bool  # IMAP without TLS
    bytes_max: int
    sleep: Callable[[float], None]
    ca_file: str | None = None  # in place of the system's certificates


class Connector(ABC):
    """Reads one source. Made for one run, or for one try of its connection, and used by one thread."""

    kind: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    secret_label: ClassVar[str] = ""  # empty: there is none
    # True: what a whole listing does not name has gone. False: it tells of what vanished itself.
    lists_everything: ClassVar[bool] = True

    def __init__(self, configuration: Mapping[str, Any], secret: str, site: Site) -> None:
        self.configuration = configuration
        self.secret = secret
        self.site = site

    @classmethod  # noqa: B027  (many have nothing to check)
    def check(cls, configuration: Mapping[str, Any], site: Site) -> None:
        """Raises SourceRefused where the values do not fit together, without asking anybody outside."""

    @abstractmethod
    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        """What is there, or what changed since the checkpoint whose cursor this is; {} the first time.

        Raises SourceUnavailable where the place does not answer or breaks off: the listing is not whole
        then, and nothing is concluded from what it did not name.
        """

    def try_out(self) -> str:
        """A sentence about what was found, after a look at it. Raises SourceUnavailable or FetchRefused."""
        for change in self.changes({}):
            if isinstance(change, ExternalDocument):
                return "It answers, and there are documents in it."
            if isinstance(change, Skipped):
                return f"It answers, but its first document cannot be read: {change.reason}"
        return "It answers, and there is nothing in it."

    @property
    def unruled(self) -> ExternalAccess:
        """Who reads what no rule speaks of."""
        return INHERIT if self.configuration.get(ACCESS.name) is True else PRIVATE


def cleaned(kind: type[Connector], sent: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """A configuration as it is kept: each field checked, none left out. Raises SourceRefused."""
    fields = {field.name: field for field in (*kind.fields, ACCESS)}
    unknown = sorted(str(name)[:60] for name in sent if name not in fields)
    if unknown:
        raise SourceRefused(f"A source of this kind has no '{unknown[0]}'.", unknown[0])
    values: dict[str, Any] = {}
    for name, field in fields.items():
        empty: Any = {"line": "", "lines": [], "number": 0, "yes": False}[field.kind]
        initial = empty if field.initial is None else field.initial
        values[name] = field.checked(sent.get(name, initial))
        if field.required and not values[name]:
            raise SourceRefused(f"'{field.label}' is needed.", name)
    kind.check(values, site)
    return values
