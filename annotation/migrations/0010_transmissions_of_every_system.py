"""Each system of a job has transmissions of its own, and studies that are judged have them too.

The table is append-only: its triggers are put back after every migrate (mammo.core.append_only).
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0009_a_stamp_per_way'),
        ('archive', '0011_erasures_say_what_went'),
        ('jobs', '0005_a_stamp_per_way'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='transmission',
            name='transmission_once',
        ),
        migrations.AddField(
            model_name='transmission',
            name='study',
            field=models.ForeignKey(help_text='judged without a question', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='archive.study'),
        ),
        migrations.AddField(
            model_name='transmission',
            name='system',
            field=models.CharField(default='', help_text="key of the system in the job's request", max_length=64),
        ),
        migrations.AlterField(
            model_name='transmission',
            name='question',
            field=models.ForeignKey(help_text='empty: a study', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='transmissions', to='annotation.question'),
        ),
        migrations.AddConstraint(
            model_name='transmission',
            constraint=models.UniqueConstraint(fields=('approval', 'question', 'job', 'attempt', 'system'), name='transmission_once'),
        ),
        migrations.AddConstraint(
            model_name='transmission',
            constraint=models.UniqueConstraint(fields=('approval', 'study', 'job', 'attempt', 'system'), name='transmission_of_study_once'),
        ),
        migrations.AddConstraint(
            model_name='transmission',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('question__isnull', False), ('study__isnull', True)), models.Q(('question__isnull', True), ('study__isnull', False)), _connector='OR'), name='transmission_of_question_or_study'),
        ),
    ]
