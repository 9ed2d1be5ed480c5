"""Every page of the site, who opens it, and a furnished hospital in which all of them show something.

An address is either walked or stands in NO_PAGE with the reason; `test_every_page.py` holds that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotation.models import Campaign, Transmission
from annotation.services.tablet import invite
from annotation.services.uploads import read_upload
from evaluation.models import Trial
from evaluation.services.drafts import add_practice_item
from evaluation.services.freezing import freeze_trial
from evaluation.services.protocols import create_protocol
from evaluation.services.raters import add_rater, consent
from evaluation.services.scoring import open_scoring
from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_account
from modeling.models import Metric, Run
from tests.access.objects import furnish, opened_trial
from tests.evaluation import reading_scene, scene
from tests.mammo.pages.practising import practise

Keys = dict[str, Any]


@dataclass(frozen=True)
class Stop:
    """One page of the walk.

    Attributes:
        url_name: of its address; `""` for one that is given by `at` alone.
        person: user name; empty: signed out.
        at: its address, of the hospital's keys.
        reads: shows mammograms beside text: made for a wide screen, so the portrait tablet is not asked.
        language: the page is in this one whatever the browser asks for; empty: in the browser's.
    """

    url_name: str
    person: str
    at: Callable[[Keys], str]
    reads: bool = False
    language: str = ""


def page(
    name: str, person: str, *keys: str, query: str = "", reads: bool = False, language: str = "", **fixed: Any
) -> Stop:
    """The page `name`, whose arguments are the hospital's `keys` in order, then the values of `fixed`."""

    def at(found: Keys) -> str:
        return reverse(name, args=[*(found[key] for key in keys), *fixed.values()]) + query

    return Stop(name, person, at, reads, language)


def _practised(keys: Keys, purpose: str) -> str:
    """The next example, with what the last one was found to be."""
    address: str = reverse("annotation:practise", args=[keys["campaign"], purpose])
    return f"{address}?done={keys[f'practised_{purpose}']}"


def _cell_rows(keys: Keys) -> str:
    address: str = reverse("evaluation:trial-cell-rows", args=[keys["locked_trial"], 1])
    return f"{address}?{keys['cell']}"


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
    page("mfa_activate_totp", "june"),
    page("mfa_add_webauthn", "june"),
    page("mfa_reauthenticate", "tess"),
    page("mfa_deactivate_totp", "tess"),
    page("mfa_view_recovery_codes", "tess"),
    page("mfa_generate_recovery_codes", "tess"),
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
    page("archive:picture-checks", "dana"),
    page("archive:picture-check", "dana", "sample"),
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
    page("annotation:adjudicate", "sena", "disputed", reads=True),
    page("annotation:pick", "sena", "chosen"),
    page("annotation:practise", "june", "campaign", purpose="correct"),
    page("annotation:practise", "sena", "campaign", purpose="pick"),
    *(
        Stop("annotation:practise", person, lambda keys, purpose=purpose: _practised(keys, purpose))
        for person, purpose in (("june", "correct"), ("sena", "pick"))
    ),
    page("annotation:upload", "rita", "upload"),
    page("annotation:tablet", "", "invitation", language="zh-hans"),
    page("annotation:tablet", "", "english_invitation", language="en"),
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
    page("annotation:endpoint-transmissions", "adam", "approval"),
    page("archive:erasures", "dana"),
    page("modeling:run-list", "rita"),
    page("modeling:run-new", "rita"),
    page("modeling:snapshot-new", "rita"),
    page("modeling:snapshot", "rita", "snapshot"),
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
    page("evaluation:protocol-edit", "rita", "draft_protocol"),
    page("evaluation:trial-new", "rita"),
    page("evaluation:design", "rita", "draft_trial"),
    page("evaluation:trial-edit", "rita", "draft_trial"),
    page("evaluation:leaks", "stan", "locked_trial"),
    page("evaluation:unsafe", "stan", "locked_trial"),
    page("evaluation:results", "stan", "locked_trial"),
    page("evaluation:reader-results", "rita", "reader_study"),
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
    Stop("evaluation:trial-cell-rows", "stan", lambda keys: _cell_rows(keys)),
    page("evaluation:scoring", "sena"),
    page("evaluation:consent", "sena", "fresh_rater"),
    page("evaluation:form", "sena", "slot", reads=True),
    page("evaluation:practice", "sena", "practising_rater", reads=True),
    page("evaluation:pause", "sena", "rater"),
    page("evaluation:guess", "sena", "guessing_rater"),
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
    "mfa_authenticate": "stands only within a sign-in; test_every_page.py signs in to look at it",
    "mfa_reauthenticate_webauthn": "stands only for who has a key; tests/access/test_second_factor.py",
    "mfa_download_recovery_codes": "a file",
    "mfa_edit_webauthn": "as mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn": "as mfa_reauthenticate_webauthn",
    "archive:study-labels": "takes a form and leads back",
    "archive:report-no-name": "takes a form and leads back",
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
    "archive:picture-check-draw": "takes a form and leads on",
    "archive:picture-check-judge": "takes a form and leads on",
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
            "annotation:question-pool",
            "annotation:question-pools",
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
    "jobs:seen": "answers a button with nothing",
    "evaluation:answer": "takes a form and leads back",
    "evaluation:screen-rule": "takes a form and leads back",
    "evaluation:freeze": "takes a form and leads back",
    "evaluation:protocol-step": "takes a form and leads back",
    "evaluation:amend": "takes a form and leads back",
    "evaluation:reader-study-step": "takes a form and leads back",
    "evaluation:export-decide": "takes a form and leads back",
    "evaluation:export-download": "a file",
    "evaluation:cell-rows": "opened by a cell of a table; test_moments.py opens it",
    "evaluation:write-viewer": "JSON for the viewer",
    "evaluation:write-image": "a file",
    "evaluation:read-viewer": "JSON for the viewer",
    "evaluation:read-image": "a file",
    "evaluation:open": "takes a form and leads back",
    "evaluation:lock": "takes a form and leads back",
    "evaluation:unblind": "takes a form and leads back",
    "evaluation:table": "a file",
    "evaluation:result-figure": "a file",
    "evaluation:reader-result-figure": "a file",
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
        "adam": Role.ADMIN, "nina": None, "tess": Role.JUNIOR,
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
    set_up_app(people["tess"])
    keys = furnish(site, people).own
    for step in (1, 50, 100):
        for name, value in (("loss", 2.0 / step), ("eval_loss", 2.5 / step), ("grad_norm", 0.5)):
            Metric.objects.create(run=Run.objects.get(pk=keys["run"]), step=step, name=name, value=value)
    _add_trials(people, keys)
    campaign = Campaign.objects.get(pk=keys["campaign"])
    campaign.consent_text = {
        "zh": "我同意医院使用我的问题。",
        "en": "I agree that the hospital uses my question.",
    }
    campaign.save()
    for name, language in (("invitation", "zh"), ("english_invitation", "en")):
        keys[name] = invite(campaign, by_user=people["rita"], language=language)[1]
    table = b"text,source\n\xe8\xa6\x81\xe5\xa4\x8d\xe6\x9f\xa5\xe5\x90\x97\xef\xbc\x9f,phone\n"
    sent = SimpleUploadedFile("questions.csv", table)
    keys["upload"] = read_upload(campaign, sent, by_user=people["rita"]).pk
    _send_one_question(keys)
    practise(people, campaign, keys)
    return people, keys


def _send_one_question(keys: Keys) -> None:
    """One transmission on record under the approval."""
    Transmission.objects.create(
        approval_id=keys["approval"],
        question_id=keys["question"],
        job_id=keys["job"],
        attempt=1,
        characters=321,
        images=0,
        payload_sha256="a" * 64,
    )


def set_up_app(person: User) -> str:
    """Give a person an app that shows codes, and codes for the day it is lost; returns the app's secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(person, secret)
    RecoveryCodes.activate(person)
    return secret


def _add_trials(people: dict[str, User], keys: Keys) -> None:
    """Trials as a draft, just opened and waiting for guesses, and a reader study that nobody began."""
    trial = Trial.objects.get(pk=keys["trial"])
    questions = [row.question for row in trial.trial_questions.select_related("question")]
    rita, sena = people["rita"], people["sena"]
    keys["draft_trial"] = scene.draft_trial(rita, questions, people["june"], name="Draft").pk
    keys["fresh_rater"] = opened_trial(people, questions, "Just opened").raters.get(user=sena).pk
    guessed = opened_trial(people, questions, "To be guessed", guesses=2)
    for row in guessed.raters.select_related("user"):
        consent(row, by_user=row.user)
    scene.score_all(guessed)
    keys["guessing_rater"] = guessed.raters.get(user=sena).pk
    site = trial.site
    keys["draft_protocol"] = create_protocol("Not frozen", site=site, by_user=rita, ethics_approval="EC-2").pk
    practised = scene.draft_trial(rita, questions[1:], people["june"], name="With practice")
    scene.answer_all(practised, rita, people["june"])
    add_practice_item(practised, questions[0], "建议每年复查。", by_user=rita)
    row = add_rater(practised, sena, by_user=rita)
    freeze_trial(practised, by_user=rita)
    open_scoring(practised, by_user=rita)
    consent(row, by_user=sena)
    keys["practising_rater"] = row.pk
    study = reading_scene.open_study(rita, [people["june"]], count=2, name="Just opened")
    study.readers.update(consented_at=None)
    keys["fresh_reader"] = study.readers.get().pk
