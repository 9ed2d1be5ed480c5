"""Which code a run is the work of: that of the machine and the moment of its last attempt."""

from mammo.core.code_version import code_version
from modeling.models import Run

# Of `Run.environment`: what was asked for; the rest is told by the process that did the work.
GPUS = "gpus"


def code_at_work(run: Run) -> str:
    """The code of the attempt that begins here; the run is named by it from now on."""
    version = code_version()
    Run.objects.filter(pk=run.pk).update(code_version=version)
    return version
