"""Whether an open answer may go on is asked of the truth, and every way of losing it shows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import BreakGlass, User
from accounts.resolve import emergency_memberships, scope_of
from accounts.scope import Credential
from retrieval.standing.claims import Claim, standing
from tests.factories import a_member, a_scope, a_tenant
from tests.retrieval.standing.ways import (
    HARMLESS,
    KEY_LOSSES,
    LOSSES,
    SESSION_LOSSES,
    Scene,
    a_scene,
    happen,
)


def by_key(scene: Scene) -> Claim:
    credential = Credential(user_id=scene.membership.user_id, key_id=scene.key.pk)
    return Claim(
        scope=scope_of(scene.membership, scene.key), credential=credential, document_ids=(scene.document.pk,)
    )


def by_session(scene: Scene) -> Claim:
    credential = Credential(user_id=scene.membership.user_id, session_key=scene.session_key)
    return Claim(scope=scope_of(scene.membership), credential=credential, document_ids=(scene.document.pk,))


@pytest.mark.parametrize("way", LOSSES | KEY_LOSSES)
def test_a_claim_by_key_ends_when(committed, way):
    scene = a_scene()
    claim = by_key(scene)
    assert standing([claim]) == [True]
    happen((LOSSES | KEY_LOSSES)[way], scene)
    assert standing([claim]) == [False]


@pytest.mark.django_db
@pytest.mark.parametrize("way", LOSSES | SESSION_LOSSES)
def test_a_claim_by_session_ends_when(way):
    scene = a_scene()
    claim = by_session(scene)
    assert standing([claim]) == [True]
    happen((LOSSES | SESSION_LOSSES)[way], scene)
    assert standing([claim]) == [False]


@pytest.mark.django_db
@pytest.mark.parametrize("way", HARMLESS)
def test_a_claim_goes_on_when(way):
    scene = a_scene()
    claims = [by_key(scene), by_session(scene)]
    happen(HARMLESS[way], scene)
    assert standing(claims) == [True, True]


@pytest.mark.django_db
def test_of_many_claims_each_is_judged_by_itself():
    mine, theirs = a_scene(), a_scene()
    stranger = Claim(scope=a_scope(a_tenant()), credential=None, document_ids=(mine.document.pk,))
    forged = Claim(scope=by_key(mine).scope, credential=by_key(theirs).credential, document_ids=())
    happen(LOSSES["the grant is revoked"], theirs)

    assert standing([by_key(mine), by_key(theirs), stranger, forged, by_session(mine)]) == [
        True, False, False, False, True,
    ]  # fmt: skip
    assert standing([]) == []


@pytest.mark.django_db
def test_an_emergency_access_holds_as_long_as_it_is_open():
    scene = a_scene()
    administrator = User.objects.create_superuser("admin@platform.example")
    stay = BreakGlass.objects.create(
        tenant=scene.tenant, user=administrator, reason="A broken index.",
        expires_at=timezone.now() + timedelta(minutes=5),
    )  # fmt: skip
    (membership,) = emergency_memberships(administrator)
    claim = Claim(scope=scope_of(membership), credential=None, document_ids=(scene.document.pk,))
    assert standing([claim]) == [True]

    BreakGlass.objects.filter(pk=stay.pk).update(ended_at=timezone.now())

    assert standing([claim]) == [False]
    assert emergency_memberships(administrator) == []


@pytest.mark.django_db
def test_a_claim_without_evidence_yet_is_about_the_person_alone():
    member = a_member(a_tenant())
    claim = Claim(scope=scope_of(member), credential=None, document_ids=())

    assert standing([claim]) == [True]
