"""Addresses of pages, API and health."""

from django.urls import path

from retrieval.api import health, pages, tenants, uploads
from retrieval.api.conversations import ConversationsView
from retrieval.api.documents import CollectionsView, DocumentsView, DocumentView
from retrieval.api.queries import ask_view

urlpatterns = [
    path("", pages.ask_page, name="ask"),
    path("conversations/<uuid:conversation_id>/", pages.ask_page, name="conversation"),
    path("documents/", pages.documents_page, name="documents"),
    path("documents/upload/", uploads.upload_documents, name="upload"),
    path("documents/statuses/", uploads.document_statuses, name="document-statuses"),
    # Citations carry the address without a slash, and a redirect would cost every one of them a trip.
    path("documents/<uuid:document_id>", pages.document_page),
    path("documents/<uuid:document_id>/", pages.document_page, name="document"),
    path("tenant/", tenants.choose_tenant, name="choose-tenant"),
    path("api/v1/queries", ask_view, name="queries"),
    path("api/v1/documents", DocumentsView.as_view(), name="api-documents"),
    path("api/v1/documents/<uuid:document_id>", DocumentView.as_view(), name="api-document"),
    path("api/v1/collections", CollectionsView.as_view(), name="api-collections"),
    path("api/v1/conversations", ConversationsView.as_view(), name="conversations"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
