"""Every page of the site, who opens it, and a furnished hospital in which all of them show something.

An address is either walked or stands in NO_PAGE with the reason; `test_every_page.py` holds that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from evaluation.models import Trial
from evaluation.services.scoring import lock_trial
from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_account
from modeling.models import Metric, Run
from tests.access.objects import furnish
from tests.evaluation import reading_scene, scene

Keys = dict[str, Any]


@dataclass(frozen=True)
class Stop:
    """One page of the walk.

    Attributes:
        url_name: of its address; `""` for one that is given by `at` alone.
        person: user name; empty: signed out.
        at: its address, of the hospital's keys.
        reads: shows mammograms beside text: made for a wide screen, so the portrait tablet is not asked.
    """

    url_name: str
    person: str
    at: Callable[[Keys], str]
    reads: bool = False


def page(name: str, person: str, *keys: str, query: str = "", reads: bool = False, **fixed: Any) -> Stop:
    """The page `name`, whose arguments are the hospital's `keys` in order, then the values of `fixed`."""

    def at(found: Keys) -> str:
        return reverse(name, args=[*(found[key] for key in keys), *fixed.values()]) + query

    return Stop(name, person, at, reads)


STOPS = (
    page("account_login", ""),
    page("accounts:password-forgotten", ""),
    page("about", ""),
    *(
        page("home", person)
        for person in ("june", "sena", "ada", "dana", "rita", "stan", "otis", "adam", "nina")
    ),
    page("account_logout", "june"),
    page("account_change_password", "june"),
    page("account_reauthenticate", "june"),
    page("mfa_index", "june"),
    page("mfa_list_webauthn", "june"),
    page("accounts:audit", "otis"),
    page("accounts:people", "adam"),
    page("accounts:new-person", "adam"),
    page("accounts:person", "adam", "account"),
    page("api:tokens", "rita"),
    page("jobs:list", "rita"),
    page("jobs:list", "rita", query="?state=cancelled"),
    page("jobs:job", "rita", "failed_job"),
    page("jobs:job", "rita", "job"),
    page("archive:studies", "dana"),
    page("archive:studies", "rita", query="?density=C&attention=unlabelled"),
    page("archive:study", "dana", "study", reads=True),
    page("archive:display", "june"),
    page("archive:overview", "stan"),
    page("archive:cohorts", "rita"),
    page("archive:cohort", "rita", "cohort"),
    page("archive:splits", "rita"),
    page("archive:split", "rita", "split"),
    page("archive:raw-report", "dana", "report"),
    page("archive:imports", "dana"),
    page("archive:import-batch", "dana", "batch"),
    page("archive:upload", "dana"),
    page("archive:quarantine", "dana"),
    page("archive:quarantine-item", "dana", "item"),
    page("archive:pacs", "dana"),
    page("archive:tables", "dana"),
    page("archive:table", "dana", "table"),
    page("archive:doctors", "dana"),
    page("archive:erasure", "dana", "erasure"),
    page("annotation:wordings", "dana"),
    page("annotation:wording", "dana", "question"),
    page("annotation:correct-list", "june"),
    page("annotation:correct", "june", "question", reads=True),
    page("annotation:correct", "june", "corrected"),
    page("annotation:pick-list", "sena"),
    page("annotation:pick", "sena", "corrected", reads=True),
    page("annotation:campaign-list", "rita"),
    page("annotation:campaign-create", "rita"),
    *(
        page(f"annotation:{name}", "rita", "campaign")
        for name in (
            "campaign",
            "campaign-settings",
            "campaign-texts",
            "campaign-people",
            "campaign-quality",
            "campaign-stuck",
            "campaign-practice",
            "question-list",
        )
    ),
    page("annotation:timeline", "rita", "question"),
    page("annotation:adjudicate-list", "sena"),
    page("annotation:news", "june"),
    page("annotation:endpoints", "adam"),
    page("archive:erasures", "dana"),
    page("modeling:run-list", "rita"),
    page("modeling:run-new", "rita"),
    page("modeling:snapshot-new", "rita"),
    page("modeling:run", "rita", "run"),
    page("modeling:compare", "rita"),
    page("modeling:exports", "dana"),
    page("modeling:consultations", "rita"),
    page("modeling:consultation", "sena", "consultation"),
    page("evaluation:trials", "rita"),
    page("evaluation:trial", "rita", "trial"),
    page("evaluation:trial", "stan", "draft_trial"),
    page("evaluation:trial", "rita", "locked_trial"),
    page("evaluation:protocols", "rita"),
    page("evaluation:protocol-new", "rita"),
    page("evaluation:protocol", "rita", "protocol"),
    page("evaluation:trial-new", "rita"),
    page("evaluation:design", "rita", "draft_trial"),
    page("evaluation:trial-edit", "rita", "draft_trial"),
    page("evaluation:leaks", "stan", "locked_trial"),
    page("evaluation:unsafe", "stan", "locked_trial"),
    page("evaluation:exports", "stan"),
    page("evaluation:analyse", "stan"),
    page("evaluation:reader-studies", "stan"),
    page("evaluation:reader-study-new", "rita"),
    page("evaluation:reader-study", "rita", "reader_study"),
    page("evaluation:readings", "june"),
    page("evaluation:read", "june", "reading_slot", reads=True),
    page("evaluation:read-consent", "june", "fresh_reader"),
    page("evaluation:writing", "june"),
    page("evaluation:write", "june", "asked", reads=True),
    page("evaluation:tables", "stan"),
    page("evaluation:any-table", "stan", number=9),
    page("evaluation:table-page", "stan", "locked_trial", number=1),
    page("evaluation:scoring", "sena"),
    page("evaluation:consent", "sena", "fresh_rater"),
    page("evaluation:form", "sena", "slot", reads=True),
    Stop("", "june", lambda keys: "/no-such-page/"),
)
# What is no page, or one that this walk can't stand on, and why.
NO_PAGE = {
    "accounts:audit-verify": "answers a form; tests/access/test_audit_page.py reads what it says",
    "modeling:repeat": "takes a form and leads back",
    "modeling:export-ask": "takes a form and leads back",
    "modeling:export-decide": "takes a form and leads back",
    "modeling:export-take": "a file",
    "modeling:consultation-ask": "takes a form and leads back",
    "modeling:turn-stream": "events, no page",
    "modeling:turn-stop": "takes a form and leads back",
    "modeling:turn-remark": "takes a form and leads back",
    "home_progress": "a part of the home page",
    "healthz": "one word for a load balancer",
    "set_language": "takes a choice and leads back",
    "accounts:session": "a part of the sheet over a page",
    "accounts:closed": "answers 404",
    "accounts:give-role": "takes a form and leads back",
    "accounts:take-role": "takes a form and leads back",
    "accounts:renew-password": "shows a new password; tests/access/test_people.py opens it",
    "accounts:remove-factors": "takes a form and leads back",
    "accounts:set-active": "takes a form and leads back",
    "account_signup": "closed: answers 404",
    "account_email": "closed: answers 404",
    "account_email_verification_sent": "closed: answers 404",
    "account_confirm_email": "closed: answers 404",
    "account_confirm_login_code": "closed: answers 404",
    "account_set_password": "closed: answers 404",
    "account_reset_password": "answered by accounts:password-forgotten",
    "account_reset_password_done": "closed: answers 404",
    "account_reset_password_from_key": "closed: answers 404",
    "account_reset_password_from_key_done": "closed: answers 404",
    "account_inactive": "one sentence in the shell, for an account that was switched off",
    "mfa_authenticate": "stands only within a sign-in; tests/access/test_second_factor.py opens it",
    "mfa_reauthenticate": "as mfa_authenticate",
    "mfa_reauthenticate_webauthn": "as mfa_authenticate",
    "mfa_activate_totp": "as mfa_authenticate",
    "mfa_deactivate_totp": "as mfa_authenticate",
    "mfa_view_recovery_codes": "as mfa_authenticate",
    "mfa_generate_recovery_codes": "as mfa_authenticate",
    "mfa_download_recovery_codes": "a file",
    "mfa_add_webauthn": "as mfa_authenticate",
    "mfa_edit_webauthn": "as mfa_authenticate",
    "mfa_remove_webauthn": "as mfa_authenticate",
    "archive:study-labels": "takes a form and leads back",
    "archive:overview-table": "a file",
    "archive:cohort-save": "takes a form and leads on",
    "archive:cohort-baseline": "a file",
    "archive:split-create": "takes a form and leads on",
    "archive:split-freeze": "takes a form and leads back",
    "archive:viewer": "JSON for the viewer",
    "archive:viewer-preferences": "JSON for the viewer",
    "archive:views-shown": "answers the viewer",
    "archive:display-pattern": "JSON for the viewer",
    "archive:display-pattern-image": "a file",
    "archive:stow": "answers a PACS",
    "archive:stow-study": "answers a PACS",
    "archive:upload-piece": "answers the upload page's script",
    "archive:upload-finish": "answers the upload page's script",
    "archive:imports-waiting": "a part of the imports page",
    "archive:pacs-fetches": "a part of archive:pacs",
    "archive:import-unmatched": "a file",
    "archive:overview-figure": "a file",
    "archive:quarantine-decide": "takes a form and leads on",
    "archive:thumbnail": "a file",
    "archive:image": "a file",
    "annotation:correct-next": "takes a form and leads on",
    "annotation:correct-submit": "takes a form and leads on",
    "annotation:correct-draft": "takes a form",
    "annotation:pick-next": "takes a form and leads on",
    "annotation:pick-submit": "takes a form and leads on",
    "annotation:pick-draft": "takes a form",
    "annotation:return": "takes a form and leads on",
    "annotation:propose": "takes a form and leads on",
    "annotation:adjudicate": "the page of annotation:pick, for a question that two seniors settled differently",
    "annotation:practise": "stands only where a practice set was written; tests/annotation opens it",
    "annotation:upload": "stands only between the reading of a table and its confirmation; as above",
    "annotation:tablet": "stands only behind a link that works once; as above",
    **dict.fromkeys(
        (
            "annotation:correct-check",
            "annotation:correct-skip",
            "annotation:pick-write",
            "annotation:pick-skip",
            "annotation:adjudicate-next",
            "annotation:adjudicate-submit",
            "annotation:adjudicate-draft",
            "annotation:adjudicate-skip",
            "annotation:adjudicate-return",
            "annotation:skip-lift",
            "annotation:question-give",
            "annotation:question-withdraw",
            "annotation:comment",
            "annotation:flag",
            "annotation:flag-settle",
            "annotation:phrase-add",
            "annotation:phrase-remove",
            "annotation:news-read",
            "annotation:campaign-move",
            "annotation:question-table",
            "annotation:question-typed",
            "annotation:question-invite",
            "annotation:campaign-export",
            "annotation:endpoint-decide",
            "archive:request-erasure",
            "archive:confirm-erasure",
            "archive:record-backup",
            "archive:backup-destroyed",
            "archive:pacs-fetch",
            "archive:pacs-fetch-on",
            "archive:table-send",
            "archive:assign-doctor",
            "annotation:wordings-confirm",
        ),
        "takes a form",
    ),
    "annotation:own-hours": "a file",
    "annotation:export-download": "a file",
    "api:unknown": "answers 404",
    "jobs:cancel": "takes a form and leads back",
    "jobs:retry": "takes a form and leads back",
    "evaluation:answer": "takes a form and leads back",
    "evaluation:screen-rule": "takes a form and leads back",
    "evaluation:freeze": "takes a form and leads back",
    "evaluation:protocol-edit": "the form of evaluation:protocol-new, for a protocol that is not frozen",
    "evaluation:protocol-step": "takes a form and leads back",
    "evaluation:amend": "takes a form and leads back",
    "evaluation:reader-study-step": "takes a form and leads back",
    "evaluation:export-decide": "takes a form and leads back",
    "evaluation:export-download": "a file",
    "evaluation:cell-rows": "opened by a cell of a table; tests/evaluation/pages opens it",
    "evaluation:trial-cell-rows": "as evaluation:cell-rows",
    "evaluation:practice": "stands only before the first form; tests/evaluation/pages opens it",
    "evaluation:guess": "stands only after the last form; tests/evaluation/pages opens it",
    "evaluation:write-viewer": "JSON for the viewer",
    "evaluation:write-image": "a file",
    "evaluation:read-viewer": "JSON for the viewer",
    "evaluation:read-image": "a file",
    "evaluation:open": "takes a form and leads back",
    "evaluation:lock": "takes a form and leads back",
    "evaluation:unblind": "takes a form and leads back",
    "evaluation:table": "a file",
    "evaluation:pause": "stands only between two sittings; tests/evaluation/pages opens it",
    "evaluation:save": "takes a form and leads on",
    "evaluation:form-viewer": "JSON for the viewer",
    "evaluation:form-image": "a file",
    "api:docs": "the interface's own browser, made by drf-spectacular",
    "api:new-token": "takes a form and leads back",
    "api:revoke-token": "takes a form and leads back",
}
# Whole rooms that are no pages of this design: Django's admin, and the JSON of the interface.
NO_PAGES_UNDER = ("admin/", "api/v1/")


def people_of(site: Site) -> dict[str, User]:
    """One account per role, and two colleagues."""
    roles = {
        "june": Role.JUNIOR, "jack": Role.JUNIOR, "sena": Role.SENIOR, "sol": Role.SENIOR, "ada": Role.AUTHOR,
        "dana": Role.DATA_MANAGER, "rita": Role.RESEARCHER, "stan": Role.STATISTICIAN, "otis": Role.AUDITOR,
        "adam": Role.ADMIN, "nina": None,
    }  # fmt: skip
    return {
        name: create_account(
            name,
            password="correct horse battery",
            display_name=name.title(),
            roles={role: [site]} if role else {},
            by_user=None,
        )
        for name, role in roles.items()
    }


def furnished(site: Site) -> tuple[dict[str, User], Keys]:
    """The hospital of the access table, and what pages show beyond it: curves, trials in other states."""
    people = people_of(site)
    keys = furnish(site, people).own
    for step in (1, 50, 100):
        for name, value in (("loss", 2.0 / step), ("eval_loss", 2.5 / step), ("grad_norm", 0.5)):
            Metric.objects.create(run=Run.objects.get(pk=keys["run"]), step=step, name=name, value=value)
    trial = Trial.objects.get(pk=keys["trial"])
    questions = [row.question for row in trial.trial_questions.select_related("question")]
    keys["draft_trial"] = scene.draft_trial(people["rita"], questions, people["june"], name="Draft").pk
    keys["locked_trial"] = _scored(people, questions, "Scored").pk
    keys["fresh_rater"] = _opened(people, questions, "Just opened").raters.get(user=people["sena"]).pk
    study = reading_scene.open_study(people["rita"], [people["june"]], count=2, name="Just opened")
    study.readers.update(consented_at=None)
    keys["fresh_reader"] = study.readers.get().pk
    return people, keys


def _opened(people: dict[str, User], questions: list[Any], name: str) -> Trial:
    from evaluation.services.freezing import freeze_trial
    from evaluation.services.raters import add_rater
    from evaluation.services.scoring import open_scoring

    rita = people["rita"]
    trial = scene.draft_trial(rita, questions, people["june"], name=name)
    scene.answer_all(trial, rita, people["june"])
    for rater in (people["sena"], people["sol"]):
        add_rater(trial, rater, by_user=rita)
    freeze_trial(trial, by_user=rita)
    open_scoring(trial, by_user=rita)
    return trial


def _scored(people: dict[str, User], questions: list[Any], name: str) -> Trial:
    from evaluation.services.raters import consent

    trial = _opened(people, questions, name)
    for row in trial.raters.select_related("user"):
        consent(row, by_user=row.user)
    scene.score_all(trial)
    lock_trial(trial, by_user=people["rita"], reason="")
    return Trial.objects.get(pk=trial.pk)
