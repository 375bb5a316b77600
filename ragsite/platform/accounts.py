"""Accounts of the installation: closed and opened again. Whom they belong to is not said here."""

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.events import tell
from accounts.models import Membership, User
from accounts.people import end_keys
from accounts.refusals import by_the_database
from ragsite.platform.entry import frame, platform_page

FOUND_MAX = 50


@require_safe
@platform_page
def accounts_page(request: HttpRequest, user: User) -> HttpResponse:
    """Accounts whose address begins with what was typed; none before that, so that nobody browses people."""
    wanted = request.GET.get("q", "").strip().replace("\0", "")
    people = User.objects.filter(is_service=False).order_by("email")
    found = list(people.filter(email__istartswith=wanted)[:FOUND_MAX]) if len(wanted) >= 3 else []
    context = {"q": wanted, "found": found, "most": FOUND_MAX}
    return render(request, "platform/accounts.html", frame(request, "accounts") | context)


@require_POST
@platform_page
def deactivate(request: HttpRequest, user: User, user_id: int) -> HttpResponse:
    """Close an account: sessions, keys and streams end. The last owner of a tenant stays."""
    account = get_object_or_404(User, pk=user_id, is_service=False)
    if account.pk == user.pk:
        messages.error(request, "Nobody closes her own account here.")
        return redirect("platform-accounts")
    try:
        with transaction.atomic():
            set_active(account, False)
            for membership in Membership.objects.filter(user=account):
                end_keys(membership)
            tell("account.deactivated", actor_id=user.pk, object_pk=str(account.pk))
    except IntegrityError as error:
        refusal = by_the_database(error)
        if refusal is None:
            raise
        tell("change.refused", actor_id=user.pk, outcome=refusal.rule, object_pk=str(account.pk))
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, "The account is closed, and its keys have ended.")
    return redirect("platform-accounts")


@require_POST
@platform_page
def reactivate(request: HttpRequest, user: User, user_id: int) -> HttpResponse:
    account = get_object_or_404(User, pk=user_id, is_service=False)
    with transaction.atomic():
        set_active(account, True)
        tell("account.reactivated", actor_id=user.pk, object_pk=str(account.pk))
    messages.success(request, "The account is open again. Its keys stay ended.")
    return redirect("platform-accounts")


def set_active(account: User, is_active: bool) -> None:
    account.is_active = is_active
    account.save(update_fields=["is_active"])
