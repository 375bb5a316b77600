"""Emergency access: opened with a reason, for a time, and told to the tenant's owners."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.break_glass import end_stay, open_stay
from accounts.models import BreakGlass, User
from accounts.refusals import Refusal
from ragsite.platform.entry import frame, platform_page
from ragsite.platform.forms import EmergencyForm

PAST_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@platform_page
def emergencies_page(request: HttpRequest, user: User) -> HttpResponse:
    """One's own emergency accesses; POST opens one."""
    form = EmergencyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            open_stay(user, wanted["tenant"], wanted["reason"], wanted["minutes"])
        except Refusal as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, "Emergency access is open, and the owners have been told.")
            return redirect("platform-emergencies")
    own = BreakGlass.objects.filter(user=user).select_related("tenant")
    context = {
        "form": form,
        "open": list(own.open_now()),
        "past": [stay for stay in own[:PAST_SHOWN] if not stay.is_open],
    }
    status = 400 if form.errors else 200
    return render(
        request, "platform/emergencies.html", frame(request, "emergencies") | context, status=status
    )


@require_POST
@platform_page
def end(request: HttpRequest, user: User, stay_id: int) -> HttpResponse:
    stay = BreakGlass.objects.filter(pk=stay_id, user=user).first()
    if stay is None:
        raise Http404
    if end_stay(stay, user):
        messages.success(request, "The emergency access has ended.")
    return redirect("platform-emergencies")
