"""E-mails: who wrote to whom and when, what they wrote, and what they attached."""

import codecs
import email
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import default as modern
from typing import BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.media_types import EML
from retrieval.ingestion.parsed import ParsedDocument
from retrieval.ingestion.parsers import html
from retrieval.ingestion.parsers.composer import Composer, collapsed
from retrieval.ingestion.parsers.decoding import decoded
from retrieval.ingestion.parsers.nested import Budget, BudgetSpent, compose_inner, left_out, read_inner
from retrieval.ingestion.sniff import display_name

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_PARTS_MAX = 1_000
# Python's codecs also unpack archives and run escapes; a letter may name character sets only.
_CHARACTER_SETS = re.compile(r"utf-(?:8|16|32)|ascii|iso|cp\d|shift_jis|euc|gb|big5|koi8|mac|tis|hz")
# What the library's header parser raises over lines that no standard allows.
_HEADER_ERRORS = (MessageError, ValueError, IndexError, AttributeError, TypeError, KeyError)


def parse(file: BinaryIO, name: str, limits: ParseLimits) -> ParsedDocument:
    """Read one message; attachments that cannot be taken in are named and the rest goes on."""
    return read(file, name, Budget.of(name, limits), 1)


def read(file: BinaryIO, name: str, budget: Budget, depth: int) -> ParsedDocument:
    """Read a message as `parse` does; depth is 1 for one that lies in no other file."""
    composer = Composer(name, EML, budget.limits)
    try:
        message = email.message_from_binary_file(file, _class=EmailMessage, policy=modern)
        _Letter(message, composer, budget, depth).write(name)
    except RecursionError:
        raise UnreadableFile(f"{name} is nested too deeply to be read as an e-mail.") from None
    except (MessageError, LookupError, AttributeError):
        raise UnreadableFile(f"{name} is damaged and cannot be read as an e-mail.") from None
    return composer.finish(_header(message, "Subject"))


class _Letter:
    """Writes one message down: headers, text, attachments."""

    def __init__(self, message: EmailMessage, composer: Composer, budget: Budget, depth: int) -> None:
        self._message = message
        self._composer = composer
        self._budget = budget
        self._depth = depth

    def write(self, name: str) -> None:
        self._headers()
        parts = list(_leaves(self._message))
        if len(parts) > _PARTS_MAX:
            raise UnreadableFile(f"{name} has more than {_PARTS_MAX:,} parts and cannot be read.")
        body = _body(parts)
        if body is not None:
            self._body(body, name)
        refused = [*self._attachments([part for part in parts if part is not body])]
        if refused:
            self._composer.heading(1, "Attachments left out")
            self._composer.line(left_out(refused))
        self._composer.hide(self._message.preamble or "")
        self._composer.hide(self._message.epilogue or "")

    def _headers(self) -> None:
        for header in _SHOWN:
            if value := _header(self._message, header):
                self._composer.line(f"{header}: {value}")

    def _body(self, part: Message, name: str) -> None:
        if part.get_content_type() == "text/html":
            html.compose(html.tree(_text(part, markup=True), name), self._composer)
        else:
            self._composer.paragraph(_text(part))

    def _attachments(self, parts: list[Message]) -> Iterator[tuple[str, str]]:
        for number, part in enumerate(parts, start=1):
            named = _filename(part)
            if not named and part.get_content_maintype() == "text":
                self._more_text(part)
                continue
            shown = display_name(named) if named else f"part {number}"
            try:
                self._budget.take_entry()
                content = _content(part)
                self._budget.take_bytes(len(content))
                inner = read_inner(content, shown, self._budget, self._depth)
            except BudgetSpent:
                raise
            except UnreadableFile as refusal:
                yield shown, str(refusal)
            else:
                self._composer.heading(1, f"Attachment: {shown}")
                compose_inner(inner, self._composer, 1)

    def _more_text(self, part: Message) -> None:
        """The same letter in another form, or a note below it; a form that is not shown can still hide words."""
        if part.get_content_type() != "text/html":
            self._composer.paragraph(_text(part))
            return
        other = Composer("", EML, self._budget.limits)
        other.line("-")  # a form without a word is no error here
        html.compose(html.tree(_text(part, markup=True), "the letter's other form"), other)
        for piece in other.finish().hidden:
            self._composer.hide(piece)


def _leaves(part: Message) -> Iterator[Message]:
    """Parts in order; a forwarded message is one part."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in part.get_payload():
            if isinstance(inner, Message):
                yield from _leaves(inner)
    else:
        yield part


def _body(parts: list[Message]) -> Message | None:
    """The first plain text that is no attachment, else the first page."""
    texts = [part for part in parts if not _filename(part) and part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        found = next(
            (part for part in texts if part.get_content_type() == kind and _text(part).strip()), None
        )
        if found is not None:
            return found
    return None


def _content(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        forwarded = part.get_payload(0)
        return forwarded.as_bytes() if isinstance(forwarded, Message) else b""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message, *, markup: bool = False) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        name = codecs.lookup(part.get_content_charset("") or "").name
    except (LookupError, ValueError):
        name = ""
    if _CHARACTER_SETS.match(name):
        return content.decode(name, errors="replace")
    return decoded(content, markup=markup)


def _filename(part: Message) -> str:
    try:
        found = part.get_filename() or ""
    except _HEADER_ERRORS:
        return "attachment"
    if not found and part.get_content_type() == "message/rfc822":
        return "forwarded message.eml"
    return found


def _header(message: Message, name: str) -> str:
    try:
        return collapsed(str(message.get(name, "")))
    except _HEADER_ERRORS:
        return ""
