"""What the access API takes and sends."""

from typing import Any

from rest_framework import serializers

from accounts.models import Membership
from accounts.scope import Sensitivity
from retrieval.access.explain import Explanation
from retrieval.access.preview import Preview
from retrieval.access.values import Grant, Grantee, Permission
from retrieval.access.visible import Visible
from retrieval.api.strict import StrictSerializer, id_field

PAGE_MAX = 100
LEVELS = [level.name.lower() for level in Sensitivity]
PERMISSIONS = [permission.value for permission in Permission]

# Of each change the fields it needs, exactly one of each tuple, and those it may have.
SHAPES: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "grant": ((("collection", "document"), ("user", "group")), ("permission", "expires_at")),
    "revoke": ((("collection", "document"), ("user", "group")), ("permission",)),
    "inherit": ((("document",), ("inherits_grants",)), ()),
    "join": ((("user",), ("group",)), ()),
    "leave": ((("user",), ("group",)), ()),
    "nest": ((("outer",), ("inner",)), ()),
    "unnest": ((("outer",), ("inner",)), ()),
    "ceiling": ((("user",), ("ceiling",)), ()),
}


class GranteeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["user", "group"])
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField()


class GrantSerializer(serializers.Serializer[Grant]):
    """A grant as it is shown; `number` is its name in addresses."""

    number = serializers.CharField()
    grantee = GranteeSerializer()
    permission = serializers.ChoiceField(choices=PERMISSIONS)
    expires_at = serializers.DateTimeField(allow_null=True)
    on = serializers.ChoiceField(choices=["collection", "document"])
    object_id = serializers.UUIDField()


class GrantList(serializers.Serializer[Any]):
    results = GrantSerializer(many=True)


class GrantingSerializer(StrictSerializer):
    """To whom, what, until when. Exactly one of `user` and `group`."""

    user = id_field()
    group = id_field()
    permission = serializers.ChoiceField(choices=PERMISSIONS, default="view")
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        one_of(attrs, ("user", "group"))
        return attrs


class ExplainQuery(StrictSerializer):
    user = id_field()
    document = serializers.UUIDField()


class AccessQuery(StrictSerializer):
    user = id_field()
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=50)
    offset = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class ChangeSerializer(StrictSerializer):
    """A change to try: its kind, and the fields of that kind and no others."""

    change = serializers.ChoiceField(choices=list(SHAPES))
    collection = serializers.UUIDField(required=False)
    document = serializers.UUIDField(required=False)
    user = id_field()
    group = id_field()
    outer = id_field()
    inner = id_field()
    permission = serializers.ChoiceField(choices=PERMISSIONS, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    inherits_grants = serializers.BooleanField(required=False)
    ceiling = serializers.ChoiceField(choices=LEVELS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed, optional = SHAPES[attrs["change"]]
        for names in needed:
            one_of(attrs, names)
        known = {"change", *optional, *(name for names in needed for name in names)}
        if strange := sorted(attrs.keys() - known):
            raise serializers.ValidationError({strange[0]: f"This does not go with '{attrs['change']}'."})
        return attrs


def one_of(attrs: dict[str, Any], names: tuple[str, ...]) -> None:
    if sum(name in attrs for name in names) != 1:
        wanted = " or ".join(f"'{name}'" for name in names)
        raise serializers.ValidationError(f"Send {'exactly one of ' if len(names) > 1 else ''}{wanted}.")


class CheckSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    passed = serializers.BooleanField()
    decides = serializers.BooleanField()
    sentence = serializers.CharField()


class DecidingSerializer(serializers.Serializer[Any]):
    grant = GrantSerializer()
    path = GranteeSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[Explanation]):
    """May she, and why: `decided_by` is the first check that fails, or the one of the deciding grant."""

    readable = serializers.BooleanField()
    asks = serializers.BooleanField()
    decided_by = CheckSerializer()
    checks = CheckSerializer(many=True)
    grants = DecidingSerializer(many=True)


class VisibleCollectionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField()
    documents = serializers.IntegerField()


class VisibleDocumentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="pk", read_only=True)
    title = serializers.CharField()
    collection = serializers.UUIDField(source="collection_id")


class VisibleSerializer(serializers.Serializer[Visible]):
    total = serializers.IntegerField()
    collections = VisibleCollectionSerializer(many=True)
    documents = VisibleDocumentSerializer(many=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    user_id = serializers.IntegerField(read_only=True)
    gained = serializers.IntegerField()
    lost = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Preview]):
    """What would change. `complete` is false where only the first of the people were counted."""

    people_gaining = serializers.IntegerField()
    people_losing = serializers.IntegerField()
    documents_gained = serializers.IntegerField()
    documents_lost = serializers.IntegerField()
    people_reached = serializers.IntegerField()
    complete = serializers.BooleanField()
    people = DifferenceSerializer(many=True)


def grantee_of(sent: dict[str, Any]) -> Grantee:
    """The person or group a checked body names, whether there is one or not."""
    if "user" in sent:
        return Grantee(kind="user", id=sent["user"])
    return Grantee(kind="group", id=sent["group"])


def member_json(membership: Membership) -> dict[str, Any]:
    return {
        "id": membership.user_id,
        "name": membership.user.get_full_name(),
        "role": membership.role_name,
        "ceiling": Sensitivity(membership.ceiling).name.lower(),
        "is_active": membership.is_active,
    }
