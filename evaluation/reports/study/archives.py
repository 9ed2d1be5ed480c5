"""Raw data as one ZIP file with equal bytes for equal rows."""

import io
import zipfile
from collections.abc import Mapping

from django.utils.translation import gettext as _

from evaluation.models import DataExport, Trial
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.study.reader_data import from_reader_study, to_files
from evaluation.reports.trial_scores import trial_scores
from mammo.core.errors import UserError

# ZIP files begin their time here: the same rows give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


def export_archive(row: DataExport) -> bytes:
    """The files of an export.

    Raises:
        WrongStateError: the trial or reader study is not locked, or its design was altered.
        UserError: the reader study holds no reading, or of the trial all scores are simulated and left out.
    """
    if row.trial is not None:
        data = from_trial(row.trial, simulated=row.simulated)
        left_out = 0 if data.scores else simulated_left_out(row.trial, simulated=row.simulated)
        if left_out:
            raise UserError(
                _(
                    "%(name)s: no score is left to export, %(count)s are marked as simulated; ask for an export with "
                    "“Simulated rows too”"
                )
                % {"name": row.trial.name, "count": left_out}
            )
        return zipped(export_files(data))
    if row.reader_study is None:
        raise ValueError("an export is of a trial or of a reader study")
    return zipped(to_files(from_reader_study(row.reader_study, simulated=row.simulated)))


def simulated_left_out(trial: Trial, *, simulated: bool) -> int:
    """How many scores an export leaves out because they are marked as simulated."""
    return 0 if simulated else trial_scores(trial, simulated=False).left_out["simulated"]


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A ZIP of these files, in the order of their names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return stream.getvalue()
