from django.db import migrations, models

KEPT_SINCE = "that the senior was shown; empty: sent back before this was kept"


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0006_news_of_the_guideline"),
    ]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="page",
            field=models.UUIDField(help_text="the open page that saved last; empty: a program did", null=True),
        ),
        migrations.AddField(
            model_name="draft",
            name="page_save",
            field=models.PositiveIntegerField(default=0, help_text="which of that page's saves it was"),
        ),
        migrations.AddField(
            model_name="return",
            name="guideline_version",
            field=models.PositiveIntegerField(help_text=KEPT_SINCE, null=True),
        ),
        migrations.AddField(
            model_name="return",
            name="instruction_version",
            field=models.PositiveIntegerField(help_text=KEPT_SINCE, null=True),
        ),
    ]
