"""A picture of a check may be one that could not be shown; the row of a table names its sealed file."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The triggers of the pictures come after every migrate."""

    dependencies = [
        ("archive", "0011_erasures_say_what_went"),
    ]

    operations = [
        migrations.AlterField(
            model_name="sampledpicture",
            name="verdict",
            field=models.CharField(
                blank=True,
                choices=[
                    ("clean", "No text"),
                    ("text", "Text: into quarantine"),
                    ("gone", "Not there any more"),
                    ("unshown", "Could not be shown"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="tableupload",
            name="file",
            field=models.CharField(
                blank=True,
                default="",
                help_text="name of the sealed file; the row's key names it where empty",
                max_length=80,
            ),
            preserve_default=False,
        ),
    ]
