"""What this room's acts are called in the audit trail."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTS: dict[str, str | Promise] = {
    "modeling.consultation_asked": _("question of a consultation asked"),
    "modeling.consultation_begun": _("consultation begun"),
    "modeling.consultation_protocol": _("protocol of consultations set"),
    "modeling.consultation_remark": _("answer of a consultation judged"),
    "modeling.export_asked": _("export of weights asked"),
    "modeling.export_decided": _("export of weights decided"),
    "modeling.export_taken": _("weights taken out"),
    "modeling.run_finished": _("training ended"),
    "modeling.run_started": _("training begun"),
    "modeling.snapshot_frozen": _("snapshot frozen"),
    "modeling.snapshot_queued": _("snapshot asked"),
    "modeling.weights_fetched": _("weights downloaded"),
    "modeling.zero_shot_started": _("zero-shot reading begun"),
}
