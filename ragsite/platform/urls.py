"""Addresses of the platform's pages."""

from django.urls import path

from ragsite.platform import accounts, emergencies, tenants

urlpatterns = [
    path("", tenants.overview, name="platform"),
    path("tenants/new/", tenants.new_tenant, name="platform-new-tenant"),
    path("tenants/<uuid:tenant_id>/", tenants.tenant_page, name="platform-tenant"),
    path("tenants/<uuid:tenant_id>/suspend/", tenants.suspend, name="platform-suspend"),
    path("tenants/<uuid:tenant_id>/resume/", tenants.resume, name="platform-resume"),
    path("tenants/<uuid:tenant_id>/export/", tenants.export, name="platform-export"),
    path("tenants/<uuid:tenant_id>/delete/", tenants.delete, name="platform-delete"),
    path("accounts/", accounts.accounts_page, name="platform-accounts"),
    path("accounts/<int:user_id>/deactivate/", accounts.deactivate, name="platform-deactivate"),
    path("accounts/<int:user_id>/reactivate/", accounts.reactivate, name="platform-reactivate"),
    path("emergencies/", emergencies.emergencies_page, name="platform-emergencies"),
    path("emergencies/<int:stay_id>/end/", emergencies.end, name="platform-end-emergency"),
]
