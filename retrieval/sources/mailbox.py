"""A folder of an IMAP mailbox (RFC 9051), opened read-only; each message is taken as an .eml file."""

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

from accounts.outbound import AddressRefused, Dialler
from accounts.outbound.dialling import UNREACHABLE
from accounts.outbound.hosts import canonical_host
from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources.connector import Connector, Field, Site
from retrieval.sources.values import Change, ExternalDocument

PORT_WITH_TLS = 993
SECONDS = 30.0
MESSAGES_AT_ONCE = 100
SUBJECT_CHARS = 120
HEAD_BYTES_MAX = 1024 * 1024
LET_IN = "The mailbox does not let us in, or has no such folder."
UID = re.compile(rb"UID (\d+)")
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class MailboxConnector(Connector):
    kind: ClassVar[str] = "mailbox"
    label: ClassVar[str] = "Mailbox"
    summary: ClassVar[str] = "Messages in a folder of an IMAP mailbox"
    secret_label: ClassVar[str] = "Password"  # noqa: S105  (what it is called)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="host", label="Host", required=True, help="Such as imap.example.org.", place=True),
        Field(name="port", label="Port", kind="number", initial=PORT_WITH_TLS, place=True),
        Field(name="user", label="User", required=True, place=True),
        Field(name="folder", label="Folder", initial="INBOX", required=True),
        Field(name="tls", label="Over TLS", kind="yes", initial=True, place=True),
    )

    @classmethod
    def check(cls, configuration: Mapping[str, Any], site: Site) -> None:
        try:
            canonical_host(configuration["host"])
        except ValueError as error:
            raise SourceRefused("A host looks like imap.example.org.", "host") from error
        if not 1 <= configuration["port"] <= 65_535:
            raise SourceRefused("A port lies between 1 and 65535.", "port")
        if not configuration["tls"] and not site.plain_mail:
            raise SourceRefused("This installation calls mailboxes over TLS only.", "tls")

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Change]:
        with self._examined() as (box, validity):
            uids = numbers(box, "UNDELETED")
            for start in range(0, len(uids), MESSAGES_AT_ONCE):
                for uid, size, subject in heads(box, uids[start : start + MESSAGES_AT_ONCE]):
                    yield ExternalDocument(
                        # With another validity the same numbers are other messages (RFC 9051, 2.3.1.1).
                        external_id=f"{validity}/{uid}",
                        name=f"{subject} ({validity}-{uid}).eml",
                        version="1",  # a message never changes
                        size=size,
                        access=self.unruled,
                        open=partial(self._message, box, uid),
                    )

    @contextmanager
    def _examined(self) -> Iterator[tuple[imaplib.IMAP4, str]]:
        """A connection with the folder open for reading only, and the folder's UIDVALIDITY."""
        told = self.configuration
        try:
            box = dialled(self.site, canonical_host(told["host"]), told["port"], told["tls"])
        except AddressRefused as refusal:
            raise SourceUnavailable(str(refusal)) from refusal
        except (imaplib.IMAP4.error, OSError) as error:
            raise SourceUnavailable(UNREACHABLE) from error
        try:
            log_in(box, told["user"], self.secret)
            # imaplib sends EXAMINE, with which nothing can be changed, not even what was read.
            kind, _ = box.select(quoted(modified_utf7(told["folder"])), readonly=True)
            validity = box.response("UIDVALIDITY")[1]
            if kind != "OK" or not validity or not validity[0]:
                raise SourceUnavailable(LET_IN)
            yield box, validity[0].decode("ascii", "replace")
        except (imaplib.IMAP4.error, ValueError) as error:
            raise SourceUnavailable(LET_IN) from error
        except OSError as error:
            raise SourceUnavailable(UNREACHABLE) from error
        finally:
            box.shutdown()

    @contextmanager
    def _message(self, box: imaplib.IMAP4, uid: int) -> Iterator[BinaryIO]:
        try:
            with bounded(box, self.site.bytes_max):
                answer = box.uid("FETCH", str(uid), "(BODY.PEEK[])")[1]
        except imaplib.IMAP4.error as error:
            raise SourceUnavailable("The server does not send the message as it said.") from error
        parts = [part for part in answer if isinstance(part, tuple)]
        if not parts:
            raise OSError("The message is gone.")
        yield BytesIO(parts[0][1])


def dialled(site: Site, host: str, port: int, tls: bool) -> "Box":
    return Box(site.dialler, ssl.create_default_context(cafile=site.ca_file) if tls else None, host, port)


class Box(imaplib.IMAP4):
    """A connection that the dialler makes, which reads no more at once than it was told."""

    def __init__(self, dialler: Dialler, tls: ssl.SSLContext | None, host: str, port: int) -> None:
        self._dialler, self._tls = dialler, tls
        self.bytes_max = HEAD_BYTES_MAX
        super().__init__(host, port, SECONDS)

    def open(self, host: str = "", port: int = PORT_WITH_TLS, timeout: float | None = None) -> None:
        """imaplib's own place for making a connection otherwise."""
        self.host, self.port = host, port
        made = self._dialler.connect(host, port, timeout or SECONDS)
        try:
            self.sock: socket.socket = (
                self._tls.wrap_socket(made, server_hostname=host) if self._tls else made
            )
        except OSError:
            made.close()
            raise
        self.file = self.sock.makefile("rb")

    def read(self, size: int) -> bytes:
        """A literal, whose length the server says."""
        if size > self.bytes_max:
            raise self.abort("The server sends more than was asked for.")
        return super().read(size)


@contextmanager
def bounded(box: imaplib.IMAP4, bytes_max: int) -> Iterator[None]:
    assert isinstance(box, Box)
    before, box.bytes_max = box.bytes_max, bytes_max
    try:
        yield
    finally:
        box.bytes_max = before


def log_in(box: imaplib.IMAP4, user: str, password: str) -> None:
    """LOGIN, where a name is plain ASCII; else by SASL PLAIN, which carries all of Unicode (RFC 4616)."""
    if user.isascii() and password.isascii():
        if not (user + password).isprintable():
            raise SourceUnavailable(LET_IN)
        box.login(quoted(user), password)
    else:
        box.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())


def numbers(box: imaplib.IMAP4, which: str) -> list[int]:
    kind, answer = box.uid("SEARCH", which)
    if kind != "OK":
        raise SourceUnavailable(LET_IN)
    return [int(number) for part in answer if part for number in part.split()]


def heads(box: imaplib.IMAP4, uids: list[int]) -> Iterator[tuple[int, int, str]]:
    """(number, size, subject) of messages; one that has gone meanwhile is left out."""
    wanted = ",".join(map(str, uids))
    kind, answer = box.uid("FETCH", wanted, "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    if kind != "OK":
        raise SourceUnavailable(LET_IN)
    for part, after in zip(answer, [*answer[1:], b""], strict=True):
        if not isinstance(part, tuple):
            continue
        # A server may name number and size before the literal or behind it.
        said = part[0] + (after if isinstance(after, bytes) else b"")
        uid, size = UID.search(said), SIZE.search(said)
        if uid and size:
            yield int(uid[1]), int(size[1]), subject_of(part[1])


def subject_of(head: bytes) -> str:
    """A message's subject as a part of a file's name."""
    said = BytesHeaderParser().parsebytes(head).get("Subject", "")
    try:
        text = str(make_header(decode_header(said)))
    except (LookupError, ValueError):
        text = str(said)
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).replace("/", "-").split())
    return plain[:SUBJECT_CHARS].replace("\\", "-") or "no subject"


def quoted(text: str) -> str:
    """A quoted string (RFC 9051, section 4.3); configurations hold no control characters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def modified_utf7(name: str) -> str:
    """A folder's name as IMAP4rev1 writes it (RFC 3501, section 5.1.3)."""
    parts = re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name)
    return "".join(
        part.replace("&", "&-")
        if part.isascii()
        else "&" + part.encode("utf-7").decode()[1:].rstrip("-").replace("/", ",") + "-"
        for part in parts
    )
