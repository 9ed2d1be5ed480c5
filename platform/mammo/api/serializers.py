"""What the rooms' serializers have in common."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A request body: a field that it does not know is refused, not dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """The checked values.

        Raises:
            ValidationError: unknown fields, or what the fields themselves refuse.
        """
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name: [_("unknown field; known: %(known)s") % {"known": known}] for name in unknown}
                )
        return super().to_internal_value(data)


class ErrorSerializer(serializers.Serializer[Any]):
    """Any error."""

    code = serializers.CharField(help_text="invalid, not_found, missing_scope, stale_version, …")
    detail = serializers.CharField(help_text="one sentence in the caller's language")
    fields_ = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="what is wrong with each field",
    )
    version = serializers.IntegerField(required=False, help_text="the version that stands now")
    current = serializers.JSONField(required=False, help_text="what stands now, so that nothing is lost")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`fields` is a name that the base class keeps for itself."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}
