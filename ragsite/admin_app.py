"""Makes ragsite's admin site the default one, before any app registers its models."""

from django.contrib.admin.apps import AdminConfig


class RagsiteAdminConfig(AdminConfig):
    default_site = "ragsite.admin_site.TenantAdminSite"
