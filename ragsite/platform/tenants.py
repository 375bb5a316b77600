"""Tenants: listed, made, suspended, resumed, exported, deleted."""

from uuid import UUID

from celery import Task
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from kombu.exceptions import OperationalError

from accounts.models import Tenant, User
from accounts.tenant_life import create_tenant, resume_tenant, suspend_tenant
from ragsite.platform.entry import frame, platform_page
from ragsite.platform.forms import DeletionForm, NewTenantForm
from ragsite.platform.operations import queue_length, work_of
from retrieval.tasks import delete_in_background, export_in_background
from retrieval.tenants.export import exports_of

EXPORTS_SHOWN = 20


@require_safe
@platform_page
def overview(request: HttpRequest, user: User) -> HttpResponse:
    """Every tenant with its state and its numbers, and how long the queue is."""
    context = {
        "work": [work_of(tenant) for tenant in Tenant.objects.order_by("name")],
        "queue": queue_length(),
    }
    return render(request, "platform/overview.html", frame(request, "overview") | context)


@require_http_methods(["GET", "HEAD", "POST"])
@platform_page
def new_tenant(request: HttpRequest, user: User) -> HttpResponse:
    form = NewTenantForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            owner = create_tenant(wanted["slug"], wanted["name"], wanted["owner"], by=user)
        except ValidationError as error:
            form.add_error(None, str(error.messages[0]))
        else:
            messages.success(request, f"{owner.tenant.name} is there. Its first owner is {owner.user.email}.")
            return redirect("platform-tenant", owner.tenant_id)
    status = 400 if form.errors else 200
    return render(request, "platform/new_tenant.html", frame(request, "new") | {"form": form}, status=status)


@require_safe
@platform_page
def tenant_page(request: HttpRequest, user: User, tenant_id: UUID) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    return show(request, tenant, DeletionForm(tenant))


def show(request: HttpRequest, tenant: Tenant, form: DeletionForm) -> HttpResponse:
    made = sorted(exports_of(tenant.pk).glob("*.zip"), reverse=True)[:EXPORTS_SHOWN]
    context = {
        "subject": tenant,
        "work": work_of(tenant),
        "form": form,
        "exports": [(path.name, path.stat().st_size) for path in made],
    }
    status = 400 if form.errors else 200
    return render(request, "platform/tenant.html", frame(request, "overview") | context, status=status)


@require_POST
@platform_page
def suspend(request: HttpRequest, user: User, tenant_id: UUID) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    suspend_tenant(tenant, user)
    messages.success(request, f"{tenant.name} is suspended. Nobody gets in, and nothing is lost.")
    return redirect("platform-tenant", tenant.pk)


@require_POST
@platform_page
def resume(request: HttpRequest, user: User, tenant_id: UUID) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    resume_tenant(tenant, user)
    messages.success(request, f"{tenant.name} goes on.")
    return redirect("platform-tenant", tenant.pk)


@require_POST
@platform_page
def export(request: HttpRequest, user: User, tenant_id: UUID) -> HttpResponse:
    """Have the export written where only the operator of the machine can read it; nobody downloads it here."""
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    if in_line(request, export_in_background, tenant, user):
        messages.success(request, "The export is being written; its name appears here when it is there.")
    return redirect("platform-tenant", tenant.pk)


@require_POST
@platform_page
def delete(request: HttpRequest, user: User, tenant_id: UUID) -> HttpResponse:
    """Suspend the tenant at once and have it deleted, when its slug was typed."""
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    form = DeletionForm(tenant, request.POST)
    if not form.is_valid():
        return show(request, tenant, form)
    suspend_tenant(tenant, user)
    if in_line(request, delete_in_background, tenant, user):
        messages.success(request, f"{tenant.name} is closed and is being deleted.")
    return redirect("platform")


def in_line(request: HttpRequest, task: Task, tenant: Tenant, user: User) -> bool:
    """Hand work to the worker; without a queue the command line has to do it."""
    try:
        task.delay(str(tenant.pk), user.pk)
    except OperationalError:
        messages.error(request, "The queue cannot be reached. Use `manage.py tenant` on the server instead.")
        return False
    return True
