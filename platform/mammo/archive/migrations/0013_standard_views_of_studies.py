"""A study knows which standard views it has."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

BITS = {("L", "CC"): 1, ("L", "MLO"): 2, ("R", "CC"): 4, ("R", "MLO"): 8}


def note_views(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Set the bits of the studies that are there, a view after the other."""
    study, image = apps.get_model("archive", "Study"), apps.get_model("archive", "Image")
    for (laterality, view), bit in BITS.items():
        has = image.objects.filter(
            study=models.OuterRef("pk"), laterality=laterality, view=view, is_extra=False
        )
        study.objects.filter(models.Exists(has)).update(
            standard_views=models.F("standard_views").bitor(bit)
        )


class Migration(migrations.Migration):
    """Bits and an index of the studies that lack one, so that their list asks no image."""

    dependencies = [
        ("archive", "0012_pictures_not_shown_and_files_of_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="study",
            name="standard_views",
            field=models.PositiveSmallIntegerField(
                default=0,
                editable=False,
                help_text="bits of the standard views it has: LCC 1, LMLO 2, RCC 4, RMLO 8",
            ),
        ),
        migrations.RunPython(note_views, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["-created_at", "-id"],
                condition=models.Q(("standard_views__lt", 15)),
                name="study_lacks_a_view",
            ),
        ),
    ]
