"""The site's pages as a demo shows them: who opens each, and the way there. `screenshots` takes their pictures."""

from dataclasses import dataclass

NOBODY = ""


@dataclass(frozen=True, kw_only=True)
class DemoPage:
    """One page.

    Attributes:
        name: of its picture.
        url_name: of its address; several pictures may show one address.
        account: user name of the demo account that opens it; NOBODY: signed out.
        path: where the way begins.
        follow: selectors of what is clicked one after the other.
        prepare: a step of `screenshots` (Preparation) that makes the page's row where the demo has none yet.
        once: the page can be met only until somebody has gone past it; an older picture is then kept.
    """

    name: str
    url_name: str
    account: str
    path: str
    follow: tuple[str, ...] = ()
    prepare: str = ""
    once: bool = False


FIRST_ROW = "main tbody a"
# Of the list of tables: the trial itself, not its results.
TRIAL_ROW = "main tbody a[href*='/trials/']:not([href*='/results/'])"
# A number of a table that leads to the rows behind it.
A_CELL = "main td.number a[href*='/rows/']"
DEMO_PAGES = (
    DemoPage(name="sign-in", url_name="account_login", account=NOBODY, path="/accounts/login/"),
    DemoPage(name="about", url_name="about", account=NOBODY, path="/about/"),
    DemoPage(
        name="password-forgotten",
        url_name="accounts:password-forgotten",
        account=NOBODY,
        path="/accounts/password/reset/",
    ),
    DemoPage(name="home-junior", url_name="home", account="june", path="/"),
    DemoPage(name="home-senior", url_name="home", account="sena", path="/"),
    DemoPage(name="home-researcher", url_name="home", account="rita", path="/"),
    DemoPage(name="home-data-manager", url_name="home", account="dana", path="/"),
    DemoPage(name="home-admin", url_name="home", account="adam", path="/"),
    DemoPage(name="home-auditor", url_name="home", account="otto", path="/"),
    DemoPage(name="home-statistician", url_name="home", account="stan", path="/"),
    DemoPage(
        name="password-change",
        url_name="account_change_password",
        account="june",
        path="/accounts/password/change/",
    ),
    DemoPage(name="sign-out", url_name="account_logout", account="june", path="/accounts/logout/"),
    DemoPage(
        name="sign-in-again",
        url_name="account_reauthenticate",
        account="june",
        path="/accounts/reauthenticate/",
    ),
    DemoPage(name="second-factor", url_name="mfa_index", account="june", path="/accounts/2fa/"),
    DemoPage(name="keys", url_name="mfa_list_webauthn", account="june", path="/accounts/2fa/webauthn/"),
    DemoPage(name="audit", url_name="accounts:audit", account="adam", path="/accounts/audit/"),
    DemoPage(name="people", url_name="accounts:people", account="adam", path="/accounts/people/"),
    DemoPage(
        name="person",
        url_name="accounts:person",
        account="adam",
        path="/accounts/people/",
        follow=("main tbody tr:nth-child(2) a",),
    ),
    DemoPage(name="new-person", url_name="accounts:new-person", account="adam", path="/accounts/people/new/"),
    DemoPage(name="tokens", url_name="api:tokens", account="rita", path="/api/tokens/"),
    DemoPage(name="api", url_name="api:docs", account="rita", path="/api/docs/"),
    DemoPage(name="jobs", url_name="jobs:list", account="rita", path="/jobs/"),
    DemoPage(name="job", url_name="jobs:job", account="rita", path="/jobs/", follow=(FIRST_ROW,)),
    DemoPage(name="studies", url_name="archive:studies", account="dana", path="/archive/studies/"),
    DemoPage(
        name="study", url_name="archive:study", account="dana", path="/archive/studies/", follow=(FIRST_ROW,)
    ),
    DemoPage(name="display", url_name="archive:display", account="june", path="/archive/display/"),
    DemoPage(
        name="overview", url_name="archive:overview", account="rita", path="/archive/overview/?simulated"
    ),
    DemoPage(name="cohorts", url_name="archive:cohorts", account="rita", path="/archive/cohorts/"),
    DemoPage(
        name="cohort",
        url_name="archive:cohort",
        account="rita",
        path="/archive/cohorts/",
        follow=(FIRST_ROW,),
        prepare="cohort",
    ),
    DemoPage(name="splits", url_name="archive:splits", account="rita", path="/archive/splits/"),
    DemoPage(
        name="split", url_name="archive:split", account="rita", path="/archive/splits/", follow=(FIRST_ROW,)
    ),
    DemoPage(name="imports", url_name="archive:imports", account="dana", path="/archive/imports/"),
    DemoPage(
        name="import",
        url_name="archive:import-batch",
        account="dana",
        path="/archive/imports/",
        follow=("main tbody tr:last-child a",),
    ),
    DemoPage(
        name="correct-list", url_name="annotation:correct-list", account="june", path="/annotation/correct/"
    ),
    DemoPage(
        name="correct",
        url_name="annotation:correct",
        account="june",
        path="/annotation/correct/",
        follow=(FIRST_ROW,),
    ),
    DemoPage(
        name="corrected",
        url_name="annotation:correct",
        account="june",
        path="/annotation/correct/",
        follow=("main details > summary", "main details tbody a"),
        prepare="correct",
    ),
    DemoPage(name="pick-list", url_name="annotation:pick-list", account="sena", path="/annotation/pick/"),
    DemoPage(
        name="pick", url_name="annotation:pick", account="sena", path="/annotation/pick/", follow=(FIRST_ROW,)
    ),
    DemoPage(
        name="picked",
        url_name="annotation:pick",
        account="sena",
        path="/annotation/pick/",
        follow=("main details > summary", "main details tbody a"),
        prepare="pick",
    ),
    DemoPage(
        name="campaigns",
        url_name="annotation:campaign-list",
        account="rita",
        path="/annotation/campaigns/",
    ),
    DemoPage(
        name="campaign-new",
        url_name="annotation:campaign-create",
        account="rita",
        path="/annotation/campaigns/new/",
    ),
    DemoPage(
        name="campaign",
        url_name="annotation:campaign",
        account="rita",
        path="/annotation/campaigns/",
        follow=(FIRST_ROW,),
    ),
    *(
        DemoPage(
            name=f"campaign-{name}",
            url_name=url_name,
            account="rita",
            path="/annotation/campaigns/",
            follow=(FIRST_ROW, f"main a[href$='/{name}/']"),
        )
        for name, url_name in (
            ("texts", "annotation:campaign-texts"),
            ("people", "annotation:campaign-people"),
            ("questions", "annotation:question-list"),
            ("quality", "annotation:campaign-quality"),
            ("stuck", "annotation:campaign-stuck"),
            ("practice", "annotation:campaign-practice"),
        )
    ),
    DemoPage(
        name="question",
        url_name="annotation:timeline",
        account="rita",
        path="/annotation/campaigns/",
        follow=(FIRST_ROW, "main a[href$='/questions/']", "main tbody a[href*='/annotation/questions/']"),
    ),
    DemoPage(
        name="adjudicate-list",
        url_name="annotation:adjudicate-list",
        account="sena",
        path="/annotation/adjudicate/",
    ),
    DemoPage(name="news", url_name="annotation:news", account="june", path="/annotation/news/"),
    DemoPage(
        name="endpoints", url_name="annotation:endpoints", account="adam", path="/annotation/endpoints/"
    ),
    DemoPage(name="withdrawals", url_name="archive:erasures", account="dana", path="/archive/erasures/"),
    DemoPage(name="upload", url_name="archive:upload", account="dana", path="/archive/imports/upload/"),
    DemoPage(name="quarantine", url_name="archive:quarantine", account="dana", path="/archive/quarantine/"),
    DemoPage(
        name="picture-checks", url_name="archive:picture-checks", account="dana", path="/archive/checks/"
    ),
    DemoPage(
        name="picture-check",
        url_name="archive:picture-check",
        account="dana",
        path="/archive/checks/",
        follow=(FIRST_ROW,),
        prepare="sample",
    ),
    DemoPage(name="pacs", url_name="archive:pacs", account="dana", path="/archive/imports/pacs/"),
    DemoPage(name="tables-in", url_name="archive:tables", account="dana", path="/archive/imports/tables/"),
    DemoPage(name="doctors", url_name="archive:doctors", account="dana", path="/archive/imports/doctors/"),
    DemoPage(name="wordings", url_name="annotation:wordings", account="dana", path="/annotation/wordings/"),
    DemoPage(name="runs", url_name="modeling:run-list", account="rita", path="/modeling/runs/"),
    DemoPage(name="run-new", url_name="modeling:run-new", account="rita", path="/modeling/runs/new/"),
    DemoPage(
        name="training-set-new",
        url_name="modeling:snapshot-new",
        account="rita",
        path="/modeling/snapshots/new/",
    ),
    DemoPage(
        name="training-set",
        url_name="modeling:snapshot",
        account="rita",
        path="/modeling/runs/",
        follow=("main table a[href*='/snapshots/']",),
    ),
    DemoPage(
        name="run",
        url_name="modeling:run",
        account="rita",
        path="/modeling/runs/",
        follow=("main table[data-worklist] a[href*='/runs/']",),
    ),
    DemoPage(name="compare", url_name="modeling:compare", account="rita", path="/modeling/runs/compare/"),
    DemoPage(name="weights", url_name="modeling:exports", account="rita", path="/modeling/exports/"),
    DemoPage(
        name="consultations",
        url_name="modeling:consultations",
        account="rita",
        path="/modeling/consultations/",
    ),
    DemoPage(
        name="consultation",
        url_name="modeling:consultation",
        account="rita",
        path="/modeling/consultations/",
        follow=(FIRST_ROW,),
        prepare="consult",
    ),
    DemoPage(
        name="protocols", url_name="evaluation:protocols", account="rita", path="/evaluation/protocols/"
    ),
    DemoPage(
        name="protocol-new",
        url_name="evaluation:protocol-new",
        account="rita",
        path="/evaluation/protocols/new/",
    ),
    DemoPage(
        name="protocol",
        url_name="evaluation:protocol",
        account="rita",
        path="/evaluation/protocols/",
        follow=(FIRST_ROW,),
    ),
    DemoPage(
        name="trial-new", url_name="evaluation:trial-new", account="rita", path="/evaluation/trials/new/"
    ),
    DemoPage(
        name="trial-design",
        url_name="evaluation:design",
        account="rita",
        path="/evaluation/",
        follow=(FIRST_ROW, "main a[href$='/design/']"),
    ),
    DemoPage(
        name="reader-studies",
        url_name="evaluation:reader-studies",
        account="rita",
        path="/evaluation/reader-studies/",
    ),
    DemoPage(
        name="reader-study-new",
        url_name="evaluation:reader-study-new",
        account="rita",
        path="/evaluation/reader-studies/new/",
    ),
    DemoPage(
        name="reader-study",
        url_name="evaluation:reader-study",
        account="rita",
        path="/evaluation/reader-studies/",
        follow=("main tbody tr:last-child a",),
    ),
    DemoPage(
        name="reader-results",
        url_name="evaluation:reader-results",
        account="rita",
        path="/evaluation/reader-studies/",
        follow=("main tbody tr:last-child a", "main a[href*='/results/']"),
    ),
    DemoPage(
        name="reading-conditions",
        url_name="evaluation:read-consent",
        account="june",
        path="/evaluation/read/",
        follow=("main a.btn-primary[href*='/conditions/']",),
        once=True,
    ),
    DemoPage(
        name="reading",
        url_name="evaluation:read",
        account="june",
        path="/evaluation/read/",
        follow=("main a.btn-primary[href*='/read/']",),
        prepare="consent_to_read",
    ),
    DemoPage(name="readings", url_name="evaluation:readings", account="june", path="/evaluation/read/"),
    DemoPage(name="writing", url_name="evaluation:writing", account="june", path="/evaluation/write/"),
    DemoPage(name="exports", url_name="evaluation:exports", account="rita", path="/evaluation/exports/"),
    DemoPage(name="analyse", url_name="evaluation:analyse", account="rita", path="/evaluation/analyse/"),
    DemoPage(
        name="table-9",
        url_name="evaluation:any-table",
        account="rita",
        path="/evaluation/tables/9/?simulated=on",
    ),
    DemoPage(
        name="table-9-rows",
        url_name="evaluation:cell-rows",
        account="rita",
        path="/evaluation/tables/9/?simulated=on",
        follow=(A_CELL,),
    ),
    DemoPage(
        name="unsafe",
        url_name="evaluation:unsafe",
        account="rita",
        path="/evaluation/tables/",
        follow=(TRIAL_ROW, "main a[href*='/unsafe/']"),
    ),
    DemoPage(
        name="leaks",
        url_name="evaluation:leaks",
        account="rita",
        path="/evaluation/tables/",
        follow=(TRIAL_ROW, "main a[href*='/leaks/']"),
    ),
    DemoPage(
        name="results",
        url_name="evaluation:results",
        account="rita",
        path="/evaluation/tables/",
        follow=("main tbody a[href*='/results/']",),
    ),
    DemoPage(name="trials", url_name="evaluation:trials", account="rita", path="/evaluation/"),
    DemoPage(
        name="trial", url_name="evaluation:trial", account="rita", path="/evaluation/", follow=(FIRST_ROW,)
    ),
    DemoPage(
        name="trial-unblinded",
        url_name="evaluation:trial",
        account="rita",
        path="/evaluation/",
        follow=("main tbody tr:last-child a",),
    ),
    DemoPage(name="tables", url_name="evaluation:tables", account="rita", path="/evaluation/tables/"),
    DemoPage(
        name="table-1",
        url_name="evaluation:table-page",
        account="rita",
        path="/evaluation/tables/",
        follow=(FIRST_ROW,),
    ),
    DemoPage(
        name="table-1-rows",
        url_name="evaluation:trial-cell-rows",
        account="rita",
        path="/evaluation/tables/",
        follow=(FIRST_ROW, A_CELL),
    ),
    DemoPage(name="scoring", url_name="evaluation:scoring", account="sena", path="/evaluation/score/"),
    DemoPage(
        name="scoring-conditions",
        url_name="evaluation:consent",
        account="sena",
        path="/evaluation/score/",
        follow=("main a.btn-primary[href*='/conditions/']",),
        once=True,
    ),
    DemoPage(
        name="scoring-form",
        url_name="evaluation:form",
        account="sena",
        path="/evaluation/score/",
        follow=("main a.btn-primary[href*='/score/']",),
        prepare="consent",
    ),
    DemoPage(name="not-found", url_name="", account="june", path="/no-such-page/"),
)
# Pages without a picture, and why.
NOT_SHOWN = {
    "annotation:campaign-settings": "its form holds the path of the proposer's folder on the server",
    "archive:erasure": "nobody withdraws in the demo",
    "archive:quarantine-item": "shows a doubtful file with what may name somebody, as it was received",
    "archive:table": "stands only between the sending of a table and its import",
    "annotation:endpoint-transmissions": "nothing leaves the demo's machine",
    "annotation:wording": "shows a question as it was received",
    "archive:raw-report": "shows a report as it was received",
    "account_inactive": "met only by an account that was switched off",
    "evaluation:protocol-edit": "the form of evaluation:protocol-new",
    "evaluation:trial-edit": "the form of evaluation:trial-new; the demo has no draft",
    "evaluation:write": "the demo has no draft trial with an author",
    "evaluation:practice": "the demo's trials have no practice answers",
    "annotation:adjudicate": "the demo's seniors agree",
    "annotation:practise": "the demo's campaign has no practice set",
    "annotation:upload": "stands only between the reading of a table and its confirmation",
    "annotation:tablet": "opens by a link that works once",
    "evaluation:guess": "the demo's trials ask for no guesses",
    "evaluation:pause": "met only between two sittings",
    "mfa_authenticate": "met only at sign-in with a second factor; the demo's accounts have none",
    "mfa_reauthenticate": "as mfa_authenticate",
    "mfa_reauthenticate_webauthn": "as mfa_authenticate",
    "mfa_activate_totp": "shows a fresh secret on every visit",
    "mfa_deactivate_totp": "met only with a second factor",
    "mfa_view_recovery_codes": "met only with a second factor",
    "mfa_generate_recovery_codes": "met only with a second factor",
    "mfa_add_webauthn": "asks the browser for a key at once",
    "mfa_edit_webauthn": "met only with a key",
    "mfa_remove_webauthn": "met only with a key",
}
