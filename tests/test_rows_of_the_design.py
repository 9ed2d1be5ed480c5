"""The rows that the design makes public, with the fields that it names: renaming one is a decision, not an edit."""

import pytest
from django.apps import apps

# Model -> fields; what the design calls "step", "by" or "unit" is written as the code does.
ROWS = {
    "accounts.Site": "code name key_id",
    "accounts.AuditEvent": "actor action at object_type object_id reason previous_sha256 sha256",
    "archive.Patient": "site pseudonym key_id erased_at",
    "archive.Study": "patient date age symptom indication history vendor density birads_left birads_right birads_overall"
    " birads_rule birads_edition reporting_doctors",
    "archive.Image": "study laterality view sha256 viewing_copy original",
    "archive.Report": "study cleaned blanked blanked_strict",
    "archive.Pathology": "study laterality lesion method specimen_date result follow_up_months",
    "archive.Split": "name rule seed frozen_at",
    "archive.SplitMembership": "split patient side",
    "archive.Cohort": "query exclusions",
    "archive.ImportBatch": "site origin counts",
    "archive.ImportItem": "batch outcome reason",
    "annotation.Campaign": "proposer proposer_context overlap instructions version",
    "annotation.Question": "source consent_reference asked_on wording_received study version",
    "annotation.Proposal": "question system revision parameters seed prompt_sha256 context text",
    "annotation.Correction": "proposal by_user revision text no_change error_tags replaces is_simulated",
    "annotation.Pick": "question correction by_user reason replaces is_simulated",
    "annotation.Return": "question by_user reason is_simulated",
    "annotation.Draft": "question user purpose content version",
    "annotation.Lease": "question user purpose expires_at",
    "modeling.Snapshot": "folder manifest content_hash",
    "modeling.Run": "stage config snapshot job",
    "modeling.Checkpoint": "run sha256 metrics",
    "modeling.Prediction": "checkpoint unit_kind unit kind value method",
    "evaluation.Protocol": "ethics_approval registry_number primary_endpoint analysis_plan exclusions frozen_at"
    " frozen_sha256 version",
    "evaluation.Trial": "protocol scale_min scale_max seed state version",
    "evaluation.ReaderStudy": "protocol conditions version",
    "evaluation.Arm": "trial kind name code spec",
    "evaluation.Answer": "arm question turns raw_text shown_text seconds is_simulated",
    "evaluation.Slot": "rater answer position",
    "evaluation.Score": "slot aspect value replaces is_simulated",
    "evaluation.Reading": "slot by_user phase replaces is_simulated",
}
APPEND_ONLY = {
    "accounts.AuditEvent", "annotation.Proposal", "annotation.Correction", "annotation.Pick", "annotation.Return",
    "archive.SplitMembership", "archive.Cohort", "evaluation.Score", "evaluation.Reading",
}  # fmt: skip


@pytest.mark.parametrize("label", ROWS)
def test_a_row_of_the_design_has_its_name_and_its_fields(label: str) -> None:
    model = apps.get_model(label)
    fields = {field.name for field in model._meta.get_fields()}
    assert not set(ROWS[label].split()) - fields
    assert getattr(model, "append_only", False) == (label in APPEND_ONLY)


def test_arms_and_pathology_know_the_values_of_the_design() -> None:
    kinds = dict(apps.get_model("evaluation.Arm")._meta.get_field("kind").choices)
    assert set(kinds) == {"system", "human", "reference"}
    results = dict(apps.get_model("archive.Pathology")._meta.get_field("result").choices)
    assert set(results) >= {"benign", "high_risk", "malignant"}
