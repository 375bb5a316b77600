"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from ragsite.static_files import static_file

urlpatterns = [
    path("", include("retrieval.api.urls")),
    path("", include("accounts.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("scim/v2/<slug:tenant>/", include("accounts.scim.urls")),
    path("platform/", include("ragsite.platform.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("static/<path:path>", static_file),
]

handler500 = "retrieval.api.pages.server_error"
