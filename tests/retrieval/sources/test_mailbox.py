"""A mailbox over the real protocol: read only, bounded, over TLS."""

import pytest

from retrieval.errors import SourceRefused, SourceUnavailable
from retrieval.sources import PRIVATE
from retrieval.sources.connector import cleaned
from retrieval.sources.mailbox import MailboxConnector, modified_utf7
from tests.retrieval.sources.places import BYTES_MAX, a_site, documents_of
from tests.support.certificates import a_certificate
from tests.support.imap_server import Mailbox, imap_server

FIRST = b"Subject: Holiday rules\r\nFrom: a@example.org\r\n\r\nTwenty days.\r\n"
SECOND = b"Subject: =?utf-8?B?w5xiZXI=?= a/b\r\n\r\nMore.\r\n"


def connector(server: Mailbox, password: str = "correct horse", **told) -> MailboxConnector:
    site = a_site("127.0.0.0/8", ports=(server.port,), plain_mail=True, ca_file=told.pop("ca_file", None))
    configuration = {"host": "127.0.0.1", "port": server.port, "user": "ada", "tls": False} | told
    return MailboxConnector(cleaned(MailboxConnector, configuration, site), password, site)


def contents(found: MailboxConnector) -> dict[str, bytes]:
    read = {}
    for change in documents_of(found):
        with change.open() as content:
            read[change.name] = content.read()
    return read


def test_messages_come_as_files_named_by_their_subject():
    with imap_server(Mailbox(messages={3: FIRST, 7: SECOND}, validity=12)) as server:
        assert contents(connector(server)) == {
            "Holiday rules (12-3).eml": FIRST,
            "Über a-b (12-7).eml": SECOND,
        }


def test_nothing_is_changed_in_the_mailbox():
    with imap_server(Mailbox(messages={3: FIRST})) as server:
        contents(connector(server))

    verbs = {command.split()[0] for command in server.commands}
    assert "EXAMINE" in verbs
    assert not verbs & {"SELECT", "STORE", "EXPUNGE", "COPY", "APPEND", "CREATE"}
    assert all("PEEK" in command for command in server.commands if "FETCH" in command)


def test_a_message_flagged_as_deleted_is_gone():
    with imap_server(Mailbox(messages={3: FIRST, 7: SECOND}, deleted={3})) as server:
        assert [change.external_id for change in connector(server).changes({})] == ["1/7"]
        assert any("UNDELETED" in command for command in server.commands)


def test_with_another_validity_the_same_numbers_are_other_messages():
    with imap_server(Mailbox(messages={3: FIRST})) as server:
        before = [change.external_id for change in connector(server).changes({})]
        server.validity = 2
        after = [change.external_id for change in connector(server).changes({})]

    assert (before, after) == (["1/3"], ["2/3"])


def test_many_messages_are_asked_for_in_parts():
    with imap_server(Mailbox(messages=dict.fromkeys(range(1, 251), FIRST))) as server:
        changes = list(connector(server).changes({}))

    assert len(changes) == 250
    assert len([command for command in server.commands if "FETCH" in command]) == 3
    assert {change.access for change in changes} == {PRIVATE}
    assert {change.size for change in changes} == {len(FIRST)}


@pytest.mark.parametrize(
    "told", [{"password": "wrong"}, {"user": "eve"}, {"folder": "Elsewhere"}, {"folder": 'INBOX"x'}]
)
def test_whoever_is_not_let_in_hears_one_sentence(told):
    mailbox = Mailbox(messages={3: FIRST})
    with imap_server(mailbox) as server, pytest.raises(SourceUnavailable, match="does not let us in"):
        list(connector(server, **told).changes({}))


def test_a_message_that_is_longer_than_is_taken_is_not_read():
    mailbox = Mailbox(messages={3: FIRST + b"x" * BYTES_MAX})
    with imap_server(mailbox) as server, pytest.raises(SourceUnavailable, match="as it said"):
        contents(connector(server))


def test_a_server_that_says_it_sends_more_than_is_taken_is_left_at_once():
    mailbox = Mailbox(messages={3: FIRST}, says_size=10**10)
    with imap_server(mailbox) as server, pytest.raises(SourceUnavailable, match="let us in"):
        list(connector(server).changes({}))


def test_tls_is_verified_against_the_name(tmp_path):
    right = a_certificate(tmp_path, "127.0.0.1")
    (tmp_path / "other").mkdir()
    wrong = a_certificate(tmp_path / "other", "imap.example.org")
    for certificate, let_in in ((right, True), (wrong, False)):
        with imap_server(Mailbox(messages={3: FIRST}), certificate.server()) as server:
            found = connector(server, tls=True, ca_file=str(certificate.chain))
            if let_in:
                assert found.try_out() == "It answers, and there are documents in it."
                continue
            with pytest.raises(SourceUnavailable):
                found.try_out()
            assert server.commands == []


def test_a_mailbox_without_tls_is_not_called_unless_the_operator_allows_it():
    configuration = {"host": "imap.example.org", "user": "ada", "tls": False}
    with pytest.raises(SourceRefused, match="TLS"):
        cleaned(MailboxConnector, configuration, a_site())


@pytest.mark.parametrize(
    "place", [{"host": "x y"}, {"host": ""}, {"port": 0}, {"user": ""}, {"user": "a\r\nb"}]
)
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(SourceRefused):
        cleaned(MailboxConnector, {"host": "imap.example.org", "user": "ada"} | place, a_site())


def test_folders_are_named_as_the_protocol_writes_them():
    assert modified_utf7("Entwürfe & 台北") == "Entw&APw-rfe &- &U,BTFw-"
