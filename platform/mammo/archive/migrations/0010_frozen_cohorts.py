"""The studies of a cohort become a model of their own, so that triggers can keep them as they were saved."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table stays as it is; the triggers come after every migrate."""

    dependencies = [
        ("archive", "0009_label_sources_and_readings"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="CohortStudy",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "cohort",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="archive.cohort",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "archive_cohort_studies",
                        "unique_together": {("cohort", "study")},
                    },
                ),
                migrations.AlterField(
                    model_name="cohort",
                    name="studies",
                    field=models.ManyToManyField(
                        blank=True, related_name="cohorts", through="archive.CohortStudy", to="archive.study"
                    ),
                ),
            ],
        ),
    ]
