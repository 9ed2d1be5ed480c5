"""What the programming interface gives and takes of tables of questions: read, looked through, taken in."""

import base64
import binascii
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from annotation.models import QuestionUpload
from annotation.services.uploads import MOST_FORESEEN, MOST_SHOWN
from mammo.api.serializers import StrictSerializer
from mammo.archive.models import ImportBatch

# Of a table sent as base64: 20 MB, as on the page.
LONGEST_TABLE = 27_000_000


class UploadSerializer(serializers.ModelSerializer[QuestionUpload]):
    """A table that was read and waits to be confirmed; it goes by itself after three days."""

    by = serializers.CharField(source="by_user.username")
    count = serializers.SerializerMethodField()

    class Meta:
        model = QuestionUpload
        fields = ["id", "campaign", "name", "by", "count", "created_at"]

    def get_count(self, upload: QuestionUpload) -> int:
        """Rows that were read."""
        return len(upload.rows)


class PreviewedRowSerializer(serializers.Serializer[Any]):
    """A row as it was read, before cleaning."""

    row = serializers.IntegerField(source="number")
    turns = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field of this name
    consent = serializers.CharField()
    asked_on = serializers.DateField(allow_null=True)
    pool = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A row that would not be taken in, and the field and the mend."""

    row = serializers.IntegerField()
    reason = serializers.CharField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What confirming a table would make of it now; nothing is taken in."""

    count = serializers.IntegerField(help_text="rows that were read")
    looked_through = serializers.IntegerField(
        help_text=f"of them, the first ones, at most {MOST_FORESEEN}: the rest is looked at on confirming"
    )
    counts = serializers.DictField(
        source="foreseen.result.counts",
        child=serializers.IntegerField(),
        help_text="of the rows looked through: imported, duplicate, rejected",
    )
    with_study = serializers.IntegerField(source="foreseen.with_study")
    several_rounds = serializers.IntegerField(help_text="rows with more than one turn")
    problems = ProblemSerializer(source="foreseen.problems", many=True)
    rows = PreviewedRowSerializer(many=True, help_text=f"the first {MOST_SHOWN}, before cleaning")


class NewUploadSerializer(StrictSerializer):
    """A table of questions: CSV, JSON lines or XLSX."""

    name = serializers.CharField(max_length=200, help_text="ends in .csv, .jsonl or .xlsx")
    content = serializers.CharField(max_length=LONGEST_TABLE, help_text="the file in base64")

    def validate_content(self, given: str) -> bytes:
        """The file's bytes."""
        try:
            return base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError(_("not base64")) from None


class RejectedSerializer(serializers.Serializer[Any]):
    """A row that was not taken in."""

    row = serializers.CharField()
    reason = serializers.CharField()


class TakenInSerializer(serializers.ModelSerializer[ImportBatch]):
    """What became of a table's rows."""

    counts = serializers.DictField(child=serializers.IntegerField())
    rejected = RejectedSerializer(many=True)

    class Meta:
        model = ImportBatch
        fields = ["id", "counts", "rejected"]
