"""The addresses of a tenant's SCIM server; as in the RFC, without a closing slash."""

from django.urls import path

from accounts.scim.discovery import list_resource_types, list_schemas, show_config
from accounts.scim.endpoint import endpoint
from accounts.scim.groups import (
    create_group,
    delete_group,
    list_groups,
    patch_group,
    replace_group,
    show_group,
)
from accounts.scim.users import create_user, delete_user, list_users, patch_user, replace_user, show_user

app_name = "scim"
user = endpoint(GET=show_user, PUT=replace_user, PATCH=patch_user, DELETE=delete_user)
group = endpoint(GET=show_group, PUT=replace_group, PATCH=patch_group, DELETE=delete_group)

urlpatterns = [
    path("Users", endpoint(GET=list_users, POST=create_user), name="users"),
    path("Users/<str:resource>", user, name="user"),
    path("Groups", endpoint(GET=list_groups, POST=create_group), name="groups"),
    path("Groups/<str:resource>", group, name="group"),
    path("ServiceProviderConfig", endpoint(GET=show_config), name="config"),
    path("ResourceTypes", endpoint(GET=list_resource_types), name="resource-types"),
    path("Schemas", endpoint(GET=list_schemas), name="schemas"),
]
