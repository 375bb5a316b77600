"""Ending an emergency access, from the notice that every page of the tenant shows."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.break_glass import end_stay, may_end
from accounts.models import BreakGlass
from retrieval.api.caller import Caller
from retrieval.api.visitor import signed_in


@require_POST
@signed_in
def end_emergency(request: HttpRequest, caller: Caller, stay_id: int) -> HttpResponse:
    """For the tenant's owners, and for who opened it. Any other one is as absent as one that never was."""
    stay = BreakGlass.objects.filter(pk=stay_id, tenant=caller.scope.tenant_id).first()
    if stay is None or not may_end(caller.membership, stay):
        raise Http404
    if end_stay(stay, caller.membership.user):
        messages.info(request, "The emergency access has ended.")
    return redirect("ask")
