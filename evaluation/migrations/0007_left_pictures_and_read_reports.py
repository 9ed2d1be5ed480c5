"""Pictures that left frozen designs are noted there; those that had left before are noted, too."""

from typing import Any

from django.db import migrations, models


def note_what_left_before(apps: Any, schema_editor: Any) -> None:
    """Questions and cases that show a picture which was taken out for text on it."""
    alias = schema_editor.connection.alias
    taken = apps.get_model("archive", "SampledPicture").objects.using(alias).filter(verdict="text")
    left = {str(key): at for key, at in taken.values_list("image_key", "judged_at")}
    if not left:
        return
    for name in ("TrialQuestion", "ReaderStudyCase"):
        rows = apps.get_model("evaluation", name).objects.using(alias)
        for pk, shown in list(rows.values_list("pk", "shown")):
            times = [left[key] for key, _sha in (shown or {}).get("images", ()) if key in left]
            if times:
                rows.filter(pk=pk).update(picture_left_at=min(times))


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0011_erasures_say_what_went"),
        ("evaluation", "0006_shown_studies"),
    ]

    operations = [
        migrations.AddField(
            model_name="readerstudycase",
            name="picture_left_at",
            field=models.DateTimeField(
                editable=False,
                help_text="when the archive took out a picture of the frozen ones for text on it; it is read no more after it",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="trialquestion",
            name="picture_left_at",
            field=models.DateTimeField(
                editable=False,
                help_text="when the archive took out a picture of the frozen ones for text on it; no form is scored after it",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="unfinisheddialogue",
            name="reports",
            field=models.JSONField(
                default=list, help_text="keyed hashes of the reports that these answers were given beside"
            ),
        ),
        migrations.RunPython(note_what_left_before, migrations.RunPython.noop),
    ]
