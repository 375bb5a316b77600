"""Middleware that serves sync and async callers alike; a sync-only one costs a thread a request."""

import uuid
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from compliance.audit.context import AuditContext, acting

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]

# Everything comes from this site: no inline script or style, no image, font or call elsewhere, so
# that a rendered answer cannot carry anything out.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def client_address(request: HttpRequest) -> str | None:
    """The client's address: the peer's, or what the outermost of our own proxies saw.

    Each proxy appends whom it was called by, so with n of them the n-th entry from the end is the
    first that a client could not write itself. Anything that is no address counts as absent.
    """
    peer = request.META.get("REMOTE_ADDR") or None
    proxies: int = settings.RAGSITE_TRUSTED_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if proxies < 1 or len(forwarded) < proxies:
        return peer
    try:
        return str(ip_address(forwarded[-proxies].strip()))
    except ValueError:
        return peer


@sync_and_async_middleware
def request_context(get_response: GetResponse) -> GetResponse:
    """Give each request an id of ours and attribute what it audits to it."""

    def begin(request: HttpRequest) -> AuditContext:
        request_id = uuid.uuid4()
        request.request_id = request_id  # type: ignore[attr-defined]  # set here, read by views
        return AuditContext(request_id=str(request_id), address=client_address(request))

    def end(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers["X-Request-ID"] = str(request.request_id)  # type: ignore[attr-defined]
        return response

    if iscoroutinefunction(get_response):

        async def run_async(request: HttpRequest) -> HttpResponseBase:
            with acting(begin(request)):
                return end(request, await cast(Awaitable[HttpResponse], get_response(request)))

        return run_async

    def run(request: HttpRequest) -> HttpResponseBase:
        with acting(begin(request)):
            return end(request, cast(HttpResponse, get_response(request)))

    return run


@sync_and_async_middleware
def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send the policy with every response, and keep tenants' pages out of shared caches."""

    def secure(response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    if iscoroutinefunction(get_response):

        async def run_async(request: HttpRequest) -> HttpResponseBase:
            return secure(await cast(Awaitable[HttpResponse], get_response(request)))

        return run_async

    def run(request: HttpRequest) -> HttpResponseBase:
        return secure(cast(HttpResponse, get_response(request)))

    return run
