from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0007_lost_answers_and_returns"),
    ]

    operations = [
        migrations.AddField(
            model_name="return",
            name="active_seconds",
            field=models.FloatField(help_text="empty: sent back before this was kept", null=True),
        ),
    ]
