"""What superusers may look at."""

from mammo.core.admin_site import register_read_only
from modeling.models import Checkpoint, Metric, Prediction, Run, Snapshot

register_read_only(Snapshot, Run, Checkpoint, Metric, Prediction)
