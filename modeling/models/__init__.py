"""Training sets, runs and checkpoints; what was asked of a checkpoint on the consultation page; weights handed on."""

from modeling.models.consultations import Consultation, ConsultationProtocol, ConsultationTurn, TurnRemark
from modeling.models.exports import CheckpointExport
from modeling.models.training import Checkpoint, Metric, Prediction, Run, Snapshot, Stage

__all__ = [
    "Checkpoint",
    "CheckpointExport",
    "Consultation",
    "ConsultationProtocol",
    "ConsultationTurn",
    "Metric",
    "Prediction",
    "Run",
    "Snapshot",
    "Stage",
    "TurnRemark",
]
