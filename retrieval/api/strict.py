"""Bodies and queries that may hold what is asked for, and nothing else."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

ID_MAX = 2**63 - 1


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know: a client that sends an id or a tenant means something by it."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError({unknown[0][:60]: "There is no such field here."})
        return super().to_internal_value(data)


def checked(serializer: type[StrictSerializer], sent: Any) -> dict[str, Any]:
    """What was sent, checked. Raises ValidationError."""
    found = serializer(data=sent)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def id_field(*, required: bool = False) -> serializers.IntegerField:
    """The id of a person or group."""
    return serializers.IntegerField(min_value=1, max_value=ID_MAX, required=required)
