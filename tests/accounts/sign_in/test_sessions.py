"""Sessions: listed, ended, and ended with the password."""

import hashlib
import re

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.models import SignInSession, User
from accounts.sign_in import sessions
from accounts.sign_in.mail import settle
from tests.accounts.sign_in.conftest import PASSWORD, sign_in
from tests.factories import a_member, a_tenant

NEW = "another long enough passphrase"


@pytest.fixture
def member(door):
    return a_member(a_tenant(), password=PASSWORD)


def opened(member, **headers: str) -> Client:
    client = Client(headers=headers)
    sign_in(client, member.user.email)
    return client


def test_ones_sessions_are_listed_and_nobody_elses(door, member):
    other = a_member(member.tenant, password=PASSWORD)
    mine = opened(member, **{"User-Agent": "Browser of mine"})
    opened(other, **{"User-Agent": "Browser of another"})

    page = mine.get("/account/").content.decode()

    assert "Browser of mine" in page
    assert "Browser of another" not in page
    assert all(key not in page for key in Session.objects.values_list("session_key", flat=True))


def test_ending_a_session_deletes_it_and_is_on_record(door, told, member):
    here, there = opened(member), opened(member)
    other = SignInSession.objects.get(pk=there.session.session_key)

    here.post("/account/sessions/end/", {"session": other.handle})

    assert not Session.objects.filter(pk=other.pk).exists()
    assert not SignInSession.objects.filter(pk=other.pk).exists()
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert told.last("session.ended")["details"] == {"sessions": 1}


@pytest.mark.parametrize("chosen", ["foreign", "absent", ""])
def test_anothers_session_cannot_be_ended_and_is_as_good_as_none(door, member, chosen):
    stranger = opened(a_member(a_tenant(), password=PASSWORD))
    foreign = SignInSession.objects.get(pk=stranger.session.session_key).handle

    response = opened(member).post(
        "/account/sessions/end/", {"session": foreign if chosen == "foreign" else chosen}
    )

    assert response.status_code == 404
    assert stranger.get("/").status_code == 200


def test_all_others_are_ended_at_once(door, member):
    here, *others = [opened(member) for _ in range(3)]

    here.post("/account/sessions/end-others/")

    assert [client.get("/").status_code for client in (here, *others)] == [200, 302, 302]


def test_an_ended_session_is_announced(committed):
    member = a_member(a_tenant(), password=PASSWORD)
    client = opened(member)
    key = client.session.session_key
    where = connection.settings_dict
    with psycopg.connect(
        host=where["HOST"],
        dbname=where["NAME"],
        user=where["USER"],
        password=where["PASSWORD"],
        autocommit=True,
    ) as listening:
        listening.execute("listen ragsite_rights")
        sessions.end_all(member.user)
        heard = {note.payload for note in listening.notifies(timeout=5, stop_after=1)}

    assert heard == {f"session:{hashlib.sha256(key.encode()).hexdigest()}"}


def test_a_session_deleted_by_any_statement_leaves_no_note(committed):
    client = opened(a_member(a_tenant(), password=PASSWORD))
    with connection.cursor() as cursor:
        cursor.execute("delete from django_session where session_key = %s", [client.session.session_key])

    assert not SignInSession.objects.exists()


def test_changing_the_password_ends_the_other_sessions_and_not_this_one(door, told, member):
    """T-12."""
    here, there = opened(member), opened(member)

    response = here.post("/account/password/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})

    assert response["Location"] == "/account/"
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert Session.objects.filter(sign_in__user=member.user).count() == 1
    assert told.last("password.changed")["details"] == {"sessions_ended": 1}
    assert sign_in(Client(), member.user.email).status_code == 200
    assert sign_in(Client(), member.user.email, NEW).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [("wrong", NEW, NEW), (PASSWORD, "short", "short"), (PASSWORD, NEW, "not the same at all")],
)
def test_a_bad_change_changes_nothing(door, member, old, new, again):
    here = opened(member)

    here.post("/account/password/", {"oldpassword": old, "password1": new, "password2": again})

    assert User.objects.get(pk=member.user_id).check_password(PASSWORD)


def asked_for_reset(client: Client, email: str):
    mail.outbox.clear()
    response = client.post("/account/reset/", {"email": email}, follow=True)
    settle()
    return response


def test_asking_for_a_new_password_tells_nothing_and_shows_no_token(door, told, member):
    """T-11."""
    known = asked_for_reset(door, member.user.email.upper())
    sent = list(mail.outbox)
    unknown = asked_for_reset(Client(), "nobody@nowhere.example")

    assert known.content == unknown.content
    assert known.redirect_chain == unknown.redirect_chain
    assert len(sent) == 1
    assert not mail.outbox
    token = re.search(r"/account/reset/(\S+)/", sent[0].body).group(1)
    assert token not in known.content.decode()
    assert sent[0].to == [member.user.email]
    assert told.names().count("password.reset_asked") == 2


def test_the_link_sets_a_password_once_and_ends_every_session(door, told, member):
    there = opened(member)
    asked_for_reset(door, member.user.email)
    link = re.search(r"http://testserver(/account/reset/\S+/)", mail.outbox[0].body).group(1)

    form = door.get(link)["Location"]
    assert form.endswith("-set-password/"), "the token leaves the address"
    response = door.post(form, {"password1": NEW, "password2": NEW})

    assert response["Location"] == "/account/reset/done/"
    assert there.get("/").status_code == 302
    assert "password.reset" in told.names()
    assert not SignInSession.objects.exists(), "a link is no sign-in"
    assert "no longer good" in Client().get(link).content.decode()
    assert sign_in(Client(), member.user.email, NEW).status_code == 302


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_service": True}])
def test_whoever_may_not_sign_in_gets_no_link(door, member, change):
    User.objects.filter(pk=member.user_id).update(**change)

    assert asked_for_reset(door, member.user.email).status_code == 200
    assert not mail.outbox


def test_a_reset_opens_a_locked_account_again(door, member):
    for _ in range(5):
        sign_in(Client(), member.user.email, "not the password")
    asked_for_reset(door, member.user.email)
    link = re.search(r"http://testserver(/account/reset/\S+/)", mail.outbox[0].body).group(1)
    door.post(door.get(link)["Location"], {"password1": NEW, "password2": NEW})

    assert sign_in(Client(), member.user.email, NEW).status_code == 302


def test_signing_out_is_on_record_and_takes_a_post(door, told, member):
    client = opened(member)

    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert not SignInSession.objects.exists()
    assert told.last("session.ended")["outcome"] == "signed_out"
