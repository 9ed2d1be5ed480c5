import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0005_screens"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="importbatch",
            name="origin",
            field=models.CharField(
                choices=[
                    ("files", "Files of this machine"),
                    ("upload", "Uploaded"),
                    ("c_store", "Sent by DICOM C-STORE"),
                    ("stow_rs", "Sent by DICOMweb"),
                    ("dicomweb", "Fetched by DICOMweb"),
                    ("dataset", "Public data set"),
                    ("quarantine", "Decided in quarantine"),
                    ("check", "Check of stored pictures"),
                ],
                default="files",
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="PictureSample",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("population", models.PositiveIntegerField(help_text="pictures that it was drawn from")),
                ("seed", models.PositiveBigIntegerField()),
                ("is_simulated", models.BooleanField(default=False)),
                (
                    "by_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="picture_samples",
                        to="accounts.site",
                    ),
                ),
            ],
            options={"ordering": ["-created_at"]},
        ),
        migrations.CreateModel(
            name="SampledPicture",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("image_key", models.UUIDField(help_text="key of the image's row")),
                ("position", models.PositiveIntegerField()),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("clean", "No text"),
                            ("text", "Text: into quarantine"),
                            ("gone", "Not there any more"),
                        ],
                        max_length=5,
                    ),
                ),
                ("judged_at", models.DateTimeField(null=True)),
                (
                    "judged_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "sample",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pictures",
                        to="archive.picturesample",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sample", "position"), name="sampled_picture_position_once"
                    ),
                    models.UniqueConstraint(fields=("sample", "image_key"), name="sampled_picture_once"),
                ],
            },
        ),
    ]
