import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0004_stated_facts"),
        ("jobs", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="tabletlink",
            name="pool",
            field=models.CharField(
                blank=True, default="", help_text="of the question that she will ask", max_length=40
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="endpointapproval",
            name="most_requests",
            field=models.PositiveIntegerField(help_text="that may be sent; null: without limit", null=True),
        ),
        migrations.AddField(
            model_name="endpointapproval",
            name="most_tokens",
            field=models.PositiveBigIntegerField(
                help_text="of prompts and answers; null: without limit", null=True
            ),
        ),
        migrations.CreateModel(
            name="EndpointAllowance",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("attempt", models.PositiveIntegerField()),
                (
                    "system",
                    models.CharField(help_text="key of the system in the job's request", max_length=64),
                ),
                (
                    "requests",
                    models.PositiveIntegerField(help_text="null: the approval has no limit", null=True),
                ),
                (
                    "tokens",
                    models.PositiveBigIntegerField(help_text="null: the approval has no limit", null=True),
                ),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allowances",
                        to="annotation.endpointapproval",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="jobs.job"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("job", "attempt", "system"), name="endpoint_allowance_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EndpointUse",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("requests", models.PositiveIntegerField()),
                ("tokens", models.PositiveBigIntegerField()),
                (
                    "allowance",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="use",
                        to="annotation.endpointallowance",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
    ]
