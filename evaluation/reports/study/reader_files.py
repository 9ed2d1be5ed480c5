"""Readings of a reader study as ready files for iMRMC (FDA) and for R's MRMCaov."""

from collections.abc import Sequence

from evaluation.reports.reader_readings import CaseReading


def imrmc_file(name: str, readings: Sequence[CaseReading]) -> bytes:
    """iMRMC's input: a header, then lines reader, case, modality, score; truth lines say `truth` for both."""
    readers = sorted({r.reader for r in readings})
    conditions = sorted({r.condition for r in readings})
    truth = {r.case: r.truth for r in readings}
    lines = [
        name,
        f"N0: {sum(not t for t in truth.values())}",
        f"N1: {sum(truth.values())}",
        f"NR: {len(readers)}",
        f"NM: {len(conditions)}",
        "",
        "BEGIN DATA:",
        *(f"-1,{case},truth,{int(is_positive)}" for case, is_positive in sorted(truth.items())),
        *(f"{r.reader},{r.case},{r.condition},{r.likelihood:g}" for r in readings),
    ]
    return ("\n".join(lines) + "\n").encode()


def patient_numbers(readings: Sequence[CaseReading]) -> dict[str, str]:
    """P001 on by patient, in order of appearance: their ids stay in the database."""
    return {p: f"P{i:03d}" for i, p in enumerate(dict.fromkeys(r.patient for r in readings), start=1)}


def mrmcaov_file(readings: Sequence[CaseReading]) -> bytes:
    """A long CSV for `mrmc(empirical_auc(truth, rating), …)`; `analyse mrmc` reads the same file.

    Patients are numbered: their ids stay in the database.
    """
    number = patient_numbers(readings)
    lines = ["reader,modality,case,truth,rating,patient"]
    lines += [
        f"{r.reader},{r.condition},{r.case},{int(r.truth)},{r.likelihood:g},{number[r.patient]}"
        for r in readings
    ]
    return ("\n".join(lines) + "\n").encode()


MRMCAOV_SNIPPET = """# MRMCaov and iMRMC take cases as independent: with two breasts a patient their intervals are too
# narrow. The platform's own analysis takes the column patient as clusters.
library(MRMCaov)
readings <- read.csv("readings.csv", stringsAsFactors = TRUE)
fit <- mrmc(empirical_auc(truth, rating), modality, reader, case, data = readings, cov = DeLong)
summary(fit)
"""
