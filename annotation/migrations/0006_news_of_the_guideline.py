from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0005_pools_and_budgets"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=[
                    ("assigned", "A question was assigned to you"),
                    ("returned", "A senior sent a question back to you"),
                    ("comment", "There is a new remark on a question"),
                    ("adjudicate", "Two seniors chose differently"),
                    ("flagged", "A question was flagged"),
                    ("skipped", "A question was skipped"),
                    ("instruct", "The instructions changed"),
                    ("guideline", "The guideline changed"),
                    ("approval", "An endpoint waits for your approval"),
                ],
                max_length=10,
            ),
        ),
    ]
