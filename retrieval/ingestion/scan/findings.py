"""What a scan has found in one file."""

from dataclasses import dataclass

MALWARE = "malware"
MACROS = "embedded.macros"
PROGRAM = "embedded.program"
OBJECT = "embedded.object"
CONTROL = "embedded.control"
SCRIPT = "pdf.script"
LAUNCH = "pdf.launch"
ATTACHMENT = "pdf.attachment"
FORM_SCRIPT = "pdf.form_script"

# Each with what a reviewer reads; "{}" is the name of the part, or of the malware.
_SENTENCES = {
    MALWARE: "The virus scanner knows it as {}.",
    MACROS: "It embeds a document with macros ({}).",
    PROGRAM: "It embeds a program ({}).",
    OBJECT: "It embeds a file that opens with a double click ({}).",
    CONTROL: "It embeds an ActiveX control ({}).",
    SCRIPT: "It runs a script when it is opened or used ({}).",
    LAUNCH: "It starts another program when it is opened or clicked ({}).",
    ATTACHMENT: "It carries an attachment that is not taken in ({}).",
    FORM_SCRIPT: "Its form fields format what is typed ({}).",
}
# Invoices carry their figures as an attachment and forms check dates: no reason to hold a document back.
_NOTED_ONLY = frozenset({ATTACHMENT, FORM_SCRIPT})
_NAME_CHARS_MAX = 120
_BETWEEN = " :: "  # a rule and its detail, on the way out of the sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `rule` is one of this module's names; `detail` a name, made fit to be shown."""

    rule: str
    detail: str

    def __post_init__(self) -> None:
        if self.rule not in _SENTENCES:
            raise ValueError(f"no scan finds {self.rule!r}")

    @property
    def blocks(self) -> bool:
        """Whether a document with it waits in quarantine for a reviewer."""
        return self.rule not in _NOTED_ONLY

    @property
    def sentence(self) -> str:
        shown = "".join(character for character in self.detail if character.isprintable())
        return _SENTENCES[self.rule].format(shown[:_NAME_CHARS_MAX] or "without a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The outcome of a scan: the file's kind, and everything that was found in it."""

    media_type: str
    found: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether the file belongs into quarantine."""
        return any(finding.blocks for finding in self.found)

    @property
    def reason(self) -> str:
        """Why, in sentences for a reviewer; "" when nothing blocks."""
        return " ".join(dict.fromkeys(finding.sentence for finding in self.found if finding.blocks))


def to_line(finding: Finding) -> str:
    """A finding as one line of text."""
    return f"{finding.rule}{_BETWEEN}{' '.join(finding.detail.split()) or '-'}"


def from_line(line: str) -> Finding:
    """The finding of a line. Raises ValueError for a rule that there is none of."""
    rule, _, detail = line.partition(_BETWEEN)
    return Finding(rule=rule, detail=detail)
