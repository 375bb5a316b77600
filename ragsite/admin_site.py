"""The admin, inside one tenant at a time."""

from django.contrib.admin import AdminSite


class TenantAdminSite(AdminSite):
    site_header = "ragsite"
    site_title = "ragsite"
    index_title = "Administration"
