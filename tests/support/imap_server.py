"""A small IMAP server on loopback (RFC 3501): one mailbox, whose messages a test writes.

with imap_server(Mailbox(messages={7: b"Subject: ..."})) as server:
    server.port, server.commands
"""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Mailbox:
    messages: dict[int, bytes] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)  # flagged, not yet expunged
    validity: int = 1
    folder: str = "INBOX"
    user: str = "ada"
    password: str = "correct horse"
    says_size: int | None = None  # of every literal, whatever it holds
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0


@contextmanager
def imap_server(mailbox: Mailbox, tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    class Session(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            self.say("* OK ready")
            while line := self.rfile.readline():
                tag, _, command = line.decode().rstrip("\r\n").partition(" ")
                mailbox.commands.append(command)
                if not self.answer(tag, command):
                    return

        def finish(self) -> None:
            super().finish()
            if tls:
                self.request.close()

        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def answer(self, tag: str, command: str) -> bool:
            verb, _, rest = command.partition(" ")
            verb = f"UID {rest.split()[0]}" if verb == "UID" else verb
            match verb.upper():
                case "CAPABILITY":
                    self.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
                case "LOGIN":
                    if rest != f'"{mailbox.user}" "{mailbox.password}"':
                        self.say(f"{tag} NO [AUTHENTICATIONFAILED] no")
                        return True
                case "EXAMINE" | "SELECT":
                    if rest != f'"{mailbox.folder}"':
                        self.say(f"{tag} NO no such folder")
                        return True
                    self.say(f"* {len(mailbox.messages)} EXISTS")
                    self.say(f"* OK [UIDVALIDITY {mailbox.validity}] valid")
                case "UID SEARCH":
                    shown = [str(uid) for uid in sorted(mailbox.messages) if uid not in mailbox.deleted]
                    self.say(" ".join(["* SEARCH", *shown]))
                case "UID FETCH":
                    self.fetch(rest.split(maxsplit=2)[1], rest)
                case "LOGOUT":
                    self.say("* BYE")
                case _:
                    self.say(f"{tag} BAD unknown")
                    return True
            self.say(f"{tag} OK done")
            return verb.upper() != "LOGOUT"

        def fetch(self, wanted: str, command: str) -> None:
            for uid in map(int, wanted.split(",")):
                message = mailbox.messages.get(uid)
                if message is None:
                    continue
                head = message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                part = head if "HEADER" in command else message
                name = "BODY[HEADER.FIELDS (SUBJECT)]" if "HEADER" in command else "BODY[]"
                size = mailbox.says_size or len(part)
                start = f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(message)} {name} {{{size}}}\r\n"
                self.wfile.write(start.encode() + part + b")\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> Any:
            mailbox.connections += 1
            return super().get_request()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Nothing: a client that hangs up is what some tests are about."""

    with Server(("127.0.0.1", 0), Session) as server:
        assert isinstance(server.socket, socket.socket)
        mailbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield mailbox
        finally:
            server.shutdown()
            thread.join()
