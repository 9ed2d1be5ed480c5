import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0007_lost_answers_and_returns"),
        ("modeling", "0004_pictures_with_text"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="campaign",
            field=models.ForeignKey(
                blank=True,
                help_text="whose picked answers are in it",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="snapshots",
                to="annotation.campaign",
            ),
        ),
    ]
