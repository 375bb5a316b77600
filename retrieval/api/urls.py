"""Addresses of pages, API and health."""

from django.urls import path, register_converter

from retrieval.api import (
    access_pages,
    emergencies,
    grant_pages,
    health,
    keys,
    originals,
    pages,
    resumable,
    source_pages,
    tenants,
    uploads,
)
from retrieval.api.access import AccessView, ExplainView, PreviewView
from retrieval.api.conversations import ConversationsView
from retrieval.api.documents import CollectionsView, DocumentsView, DocumentView
from retrieval.api.grants import (
    CollectionGrantsView,
    CollectionGrantView,
    DocumentGrantsView,
    DocumentGrantView,
    GrantNumber,
)
from retrieval.api.ingestion import BatchView, FailedView, IngestionView, RetryManyView, RetryView
from retrieval.api.queries import ask_view
from retrieval.api.sources import (
    SourceAgreementView,
    SourceRunView,
    SourcesView,
    SourceTestView,
    SourceView,
)
from retrieval.api.versions import VersionsView

register_converter(GrantNumber, "grant")

urlpatterns = [
    path("", pages.ask_page, name="ask"),
    path("conversations/<uuid:conversation_id>/", pages.ask_page, name="conversation"),
    path("documents/", pages.documents_page, name="documents"),
    path("documents/upload/", uploads.upload_documents, name="upload"),
    path("documents/retry/", uploads.retry_documents, name="retry"),
    path("documents/statuses/", uploads.document_statuses, name="document-statuses"),
    # Citations carry the address without a slash, and a redirect would cost every one of them a trip.
    path("documents/<uuid:document_id>", pages.document_page),
    path("documents/<uuid:document_id>/", pages.document_page, name="document"),
    path("documents/<uuid:document_id>/file", originals.original_page, name="original"),
    path("access/", access_pages.access_page, name="access"),
    path("access/names/", access_pages.access_names, name="access-names"),
    path("access/collections/<uuid:target_id>/", grant_pages.collection_grants, name="collection-grants"),
    path("access/documents/<uuid:target_id>/", grant_pages.document_grants, name="document-grants"),
    path("sources/", source_pages.sources_page, name="sources"),
    path("sources/new/", source_pages.new_source, name="new-source"),
    path("sources/<uuid:source_id>/", source_pages.source_page, name="source"),
    path("sources/<uuid:source_id>/run/", source_pages.run_source, name="run-source"),
    path("sources/<uuid:source_id>/test/", source_pages.test_source, name="test-source"),
    path("sources/<uuid:source_id>/pause/", source_pages.pause_source, name="pause-source"),
    path("sources/<uuid:source_id>/resume/", source_pages.resume_source, name="resume-source"),
    path("sources/<uuid:source_id>/confirm/", source_pages.confirm_source, name="confirm-source"),
    path("sources/<uuid:source_id>/delete/", source_pages.delete_source, name="delete-source"),
    path("tenant/", tenants.choose_tenant, name="choose-tenant"),
    path("keys/", keys.keys_page, name="keys"),
    path("keys/<int:key_id>/rotate/", keys.rotate_own_key, name="rotate-key"),
    path("keys/<int:key_id>/revoke/", keys.revoke_own_key, name="revoke-key"),
    path("emergencies/<int:stay_id>/end/", emergencies.end_emergency, name="end-emergency"),
    path("api/v1/queries", ask_view, name="queries"),
    path("api/v1/documents", DocumentsView.as_view(), name="api-documents"),
    path("api/v1/documents/<uuid:document_id>", DocumentView.as_view(), name="api-document"),
    path("api/v1/documents/<uuid:document_id>/file", originals.original_view, name="api-original"),
    path("api/v1/documents/<uuid:document_id>/ingestion", IngestionView.as_view(), name="api-ingestion"),
    path("api/v1/documents/<uuid:document_id>/retry", RetryView.as_view(), name="api-retry"),
    path("api/v1/documents/<uuid:document_id>/versions", VersionsView.as_view(), name="api-versions"),
    path("api/v1/ingestion/batches/<uuid:batch_id>", BatchView.as_view(), name="api-batch"),
    path("api/v1/ingestion/failed", FailedView.as_view(), name="api-failed"),
    path("api/v1/ingestion/failed/retry", RetryManyView.as_view(), name="api-retry-failed"),
    path("api/v1/uploads/", resumable.uploads_view, name="api-uploads"),
    path("api/v1/uploads/<uuid:upload_id>", resumable.upload_view, name="api-upload"),
    path("api/v1/collections", CollectionsView.as_view(), name="api-collections"),
    path(
        "api/v1/collections/<uuid:target_id>/grants",
        CollectionGrantsView.as_view(),
        name="api-collection-grants",
    ),
    path(
        "api/v1/collections/<uuid:target_id>/grants/<grant:number>",
        CollectionGrantView.as_view(),
        name="api-collection-grant",
    ),
    path(
        "api/v1/documents/<uuid:target_id>/grants", DocumentGrantsView.as_view(), name="api-document-grants"
    ),
    path(
        "api/v1/documents/<uuid:target_id>/grants/<grant:number>",
        DocumentGrantView.as_view(),
        name="api-document-grant",
    ),
    path("api/v1/access", AccessView.as_view(), name="api-access"),
    path("api/v1/access/explain", ExplainView.as_view(), name="api-access-explain"),
    path("api/v1/access/preview", PreviewView.as_view(), name="api-access-preview"),
    path("api/v1/conversations", ConversationsView.as_view(), name="conversations"),
    path("api/v1/sources", SourcesView.as_view(), name="api-sources"),
    path("api/v1/sources/<uuid:source_id>", SourceView.as_view(), name="api-source"),
    path("api/v1/sources/<uuid:source_id>/run", SourceRunView.as_view(), name="api-run-source"),
    path("api/v1/sources/<uuid:source_id>/test", SourceTestView.as_view(), name="api-test-source"),
    path("api/v1/sources/<uuid:source_id>/confirm", SourceAgreementView.as_view(), name="api-confirm-source"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
