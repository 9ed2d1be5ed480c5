"""Ends of jobs by e-mail and by webhook are stamped apart; what was sent before counts as sent by both."""

from typing import Any

from django.db import migrations, models
from django.db.models import F


def sent_by_both(apps: Any, schema_editor: Any) -> None:
    """Nothing that was sent before is sent once more."""
    rows = apps.get_model("jobs", "Ending").objects.using(schema_editor.connection.alias)
    rows.filter(sent_at__isnull=False).update(posted_at=F("sent_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0004_endings"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ending",
            name="sent_at",
            field=models.DateTimeField(help_text="by e-mail, where that is switched on", null=True),
        ),
        migrations.AddField(
            model_name="ending",
            name="posted_at",
            field=models.DateTimeField(help_text="by webhook, where that is switched on", null=True),
        ),
        migrations.RunPython(sent_by_both, migrations.RunPython.noop),
    ]
