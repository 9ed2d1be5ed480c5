"""What the rows say to the items of reporting checklists, as short texts by the name of the fact."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evaluation import checklists, counted
from evaluation.models import Arm, Protocol, ReaderStudy, ReadingSlot, Trial
from evaluation.reports.strata import STRATA
from evaluation.reports.table import software_version
from evaluation.reports.verification import tissue_and_follow_up
from mammo.accounts.site_letters import site_letters


@dataclass(frozen=True)
class FilledItem:
    """An item with what stands for it.

    Attributes:
        from_rows: what the rows say; written: what an author wrote.
    """

    item: checklists.Item
    from_rows: str
    written: str

    @property
    def is_gap(self) -> bool:
        """Nothing stands for it yet."""
        return not self.from_rows and not self.written


def filled(protocol: Protocol) -> dict[str, list[FilledItem]]:
    """Every list that the protocol's trials or reader studies are reported by, by its name; all where it has none."""
    trial = protocol.trials.order_by("created_at").first()
    study = protocol.reader_studies.order_by("created_at").first()
    chosen = (*(checklists.OF_TRIALS if trial else ()), *(checklists.OF_READER_STUDIES if study else ()))
    facts = facts_of(protocol, trial, study)
    return {
        checklists.NAMES[name]: [
            FilledItem(item, facts.get(item.fact, ""), str(protocol.checklist.get(item.key, "")))
            for item in checklists.of(name)
        ]
        for name in chosen or checklists.NAMES
    }


def facts_of(protocol: Protocol, trial: Trial | None, study: ReaderStudy | None) -> dict[str, str]:
    """Facts by name; an empty text is a gap."""
    facts = _of_protocol(protocol)
    if trial is not None:
        facts |= _of_trial(trial)
    if study is not None:
        facts |= {name: text for name, text in _of_reader_study(study).items() if text}
    return facts


def _of_protocol(protocol: Protocol) -> dict[str, str]:
    endpoint: Mapping[str, object] = protocol.primary_endpoint
    contrast = " - ".join(str(endpoint[name]) for name in ("first", "second") if endpoint.get(name))
    hypothesis = str(endpoint.get("hypothesis", "")) if contrast else ""
    margin = f", margin {endpoint['margin']}" if endpoint.get("margin") is not None else ""
    ethics = "; ".join(filter(None, (protocol.ethics_approval, protocol.consent_basis)))
    return {
        "title": protocol.title,
        "hypothesis": f"{hypothesis}: {contrast}{margin}" if hypothesis else "",
        "endpoint": str(endpoint.get("endpoint", "")),
        "ethics": ethics,
        "registry": protocol.registry_number,
        "site": _("hospital %(letter)s") % {"letter": site_letters()[protocol.site.pk]},
        "cohort": str(protocol.cohort) if protocol.cohort else "",
        "exclusions": "; ".join(map(str, protocol.exclusions)),
        "missing": str(protocol.rules.get("missing_scores", "")),
        "analysis": f"{protocol.analysis_plan[:300]} (alpha {protocol.alpha:g}, {protocol.multiplicity})"
        if protocol.analysis_plan
        else "",
        "protocol": f"sha256 {protocol.frozen_sha256[:16]}" if protocol.frozen_at else "",
        "software": software_version(),
        "deidentification": _("rebuilt from an allow-list before anything was stored for reading"),
    }


def _of_trial(trial: Trial) -> dict[str, str]:
    arms = list(trial.arms.filter(left_out_reason="").order_by("code"))
    left_out = trial.arms.exclude(left_out_reason="").count()
    questions, raters = trial.trial_questions.count(), trial.raters.count()
    kinds = ", ".join(f"{sum(a.kind == kind for a in arms)} {label}" for kind, label in Arm.Kind.choices)
    done = trial.state in (Trial.State.LOCKED, Trial.State.UNBLINDED)
    return {
        "questions": str(questions) if questions else "",
        "sampling": str(questions) if questions else "",
        "arms": f"{len(arms)} ({kinds}); {left_out} {_('left out')}" if arms else "",
        "model": f"{len(arms)} ({kinds})" if arms else "",
        "prompts": _("prompt, parameters, seed and revision of every answer are stored with it")
        if arms
        else "",
        "screening": f"{len(trial.screening)} {_('rules for all arms')}" if trial.screening else "",
        "raters": f"{raters} {_('senior radiologists')}" if raters else "",
        "sample": f"{raters} x {questions}" if raters and questions else "",
        "blinding": _("arms are hidden from raters; orders are drawn and stored"),
        "instructions": trial.instructions[:300],
        "flow": _("in the study report") if done else "",
        "tables": _("computed from the rows") if done else "",
        "agreement": _("computed from the rows") if done else "",
        "unsafe": _("a table of its own") if done else "",
        "leakage": _("questions of an arm's training patients are refused"),
        "hashes": f"sha256 {trial.design_sha256[:16]}" if trial.design_sha256 else "",
    }


def _flow_of_readings(study: ReaderStudy) -> str:
    """Cases, readers and readings, and what went no further."""
    slots = ReadingSlot.objects.filter(reader__reader_study=study)
    standing = slots.filter(reader__withdrawn_at__isnull=True)
    return _(
        "%(cases)s, %(readers)s (%(withdrawn)s withdrew), %(planned)s planned, %(unread)s of those who stayed not "
        "read"
    ) % {
        "cases": counted.cases(study.cases.count()),
        "readers": counted.readers(study.readers.count()),
        "withdrawn": study.readers.filter(withdrawn_at__isnull=False).count(),
        "planned": counted.readings(slots.count()),
        "unread": standing.unread().count(),
    }


def _sees(study: ReaderStudy) -> str:
    """What readers are given."""
    sees = study.get_reader_sees_display()
    return f"{sees}; {_('the earlier study beside it')}" if study.show_earlier else sees


def _of_reader_study(study: ReaderStudy) -> dict[str, str]:
    cases, readers = study.cases.count(), study.readers.count()
    positive = study.cases.filter(truth=True).count()
    done = study.state == ReaderStudy.State.LOCKED
    tissue, others = tissue_and_follow_up(study.cases.values_list("study_id", "laterality"))
    return {
        "model": f"checkpoint {study.checkpoint.sha256[:16]}" if study.checkpoint else "",
        "inputs": f"{study.get_model_sees_display()}",
        "truth": _(
            "biopsy of %(tissue)s, negative follow-up alone of %(others)s: %(positive)s of %(cases)s malignant"
        )
        % {"tissue": tissue, "others": others, "positive": positive, "cases": cases}
        if cases
        else "",
        "threshold": _("biopsy from category %(point)s on, stored with each reading")
        % {"point": study.operating_point},
        "raters": f"{readers} {_('readers')}" if readers else "",
        "training": study.instructions[:300],
        "sample": f"{readers} x {cases}" if readers and cases else "",
        "blinding": _("truth is hidden from readers; %(sees)s") % {"sees": _sees(study)},
        "strata": _("tables by %(strata)s are computed from the rows when asked for")
        % {"strata": ", ".join(STRATA)},
        "sampling": str(cases) if cases else "",
        "flow": _flow_of_readings(study) if done else "",
        "tables": _("computed from the rows") if done else "",
        "leakage": _("cases of the checkpoint's training patients are refused"),
        "hashes": f"sha256 {study.design_sha256[:16]}" if study.design_sha256 else "",
    }
