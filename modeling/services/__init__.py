"""What can be done to splits, snapshots and training runs."""

from annotation.services.splits import create_split, extend_split
from modeling.services.runs import start_run
from modeling.services.snapshots import create_snapshot, snapshot_by_name

__all__ = ["create_snapshot", "create_split", "extend_split", "snapshot_by_name", "start_run"]
