import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0005_screens'),
        ('evaluation', '0004_dialogues'),
    ]

    operations = [
        migrations.AddField(
            model_name='trial',
            name='show_earlier',
            field=models.BooleanField(default=False, help_text="the patient's earlier study hangs beside the present one; systems get none"),
        ),
        migrations.AddField(
            model_name='trialquestion',
            name='earlier',
            field=models.ForeignKey(blank=True, help_text="the study that hangs beside the question's, fixed when it joined; part of the frozen design", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='archive.study'),
        ),
        migrations.AddField(
            model_name='readerstudy',
            name='show_earlier',
            field=models.BooleanField(default=False, help_text="the patient's earlier study hangs beside the case; the model gets none"),
        ),
        migrations.AddField(
            model_name='readerstudycase',
            name='earlier',
            field=models.ForeignKey(blank=True, help_text='the study that hangs beside it, fixed when it joined; part of the frozen design', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='archive.study'),
        ),
    ]
