"""The people of the synthetic hospital: sign-ins for visitors, and scripted colleagues. All are simulated."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from mammo.accounts.models import Role, Site, User
from mammo.accounts.services import create_account, create_site
from mammo.core.demo_accounts import DemoAccount, show_accounts

SITE = "demo"
PASSWORD = "demo-mammogram"  # noqa: S105  (printed on the sign-in page; the demo refuses to run in production)

# username, name, role, years, what a visitor can do
VISITORS = (
    (
        "june",
        "June Lin",
        Role.JUNIOR,
        5.5,
        gettext_noop("Correct three proposed answers beside the mammograms"),
    ),
    (
        "sena",
        "Sena Wu",
        Role.SENIOR,
        21,
        gettext_noop("Pick the best of three corrected answers; score answers blindly"),
    ),
    ("rita", "Rita Meyer", Role.RESEARCHER, 8, gettext_noop("Watch the jobs, run trials, download Table 1")),
    ("dana", "Dana Zhou", Role.DATA_MANAGER, 6, gettext_noop("Look at imports and what waits in quarantine")),
    ("adam", "Adam Novak", Role.ADMIN, 10, gettext_noop("Look after the site's jobs, campaigns and trials")),
    ("otto", "Otto Brandt", Role.AUDITOR, 9, gettext_noop("Read the audit trail")),
    (
        "stan",
        "Stan Kowal",
        Role.STATISTICIAN,
        12,
        gettext_noop("Look at trials, tables and the archive's figures"),
    ),
)
SCRIPTED = (
    ("scripted-junior-1", "Junior 1 (scripted)", Role.JUNIOR, 5),
    ("scripted-junior-2", "Junior 2 (scripted)", Role.JUNIOR, 6),
    ("scripted-senior-1", "Senior 1 (scripted)", Role.SENIOR, 21),
    ("scripted-senior-2", "Senior 2 (scripted)", Role.SENIOR, 21),
    ("scripted-rater-1", "Rater 1 (scripted)", Role.SENIOR, 18),
    ("scripted-rater-2", "Rater 2 (scripted)", Role.SENIOR, 19),
    ("scripted-rater-3", "Rater 3 (scripted)", Role.SENIOR, 22),
    ("scripted-rater-4", "Rater 4 (scripted)", Role.SENIOR, 24),
    ("scripted-author-junior", "Junior author (scripted)", Role.AUTHOR, 5),
    ("scripted-author-senior", "Senior author (scripted)", Role.AUTHOR, 21),
    ("scripted-researcher", "Researcher (scripted)", Role.RESEARCHER, 9),
    ("scripted-confirmer", "Second researcher (scripted)", Role.RESEARCHER, 12),
)
ROLE_NAMES = {
    Role.JUNIOR: "Junior radiologist",
    Role.SENIOR: "Senior radiologist",
    Role.RESEARCHER: "Researcher",
    Role.DATA_MANAGER: "Data manager",
    Role.ADMIN: "Administrator",
    Role.AUDITOR: "Auditor",
    Role.STATISTICIAN: "Statistician",
}


@dataclass(frozen=True)
class People:
    """Everybody, by user name."""

    site: Site
    by_name: dict[str, User]

    def named(self, start: str) -> list[User]:
        """Scripted people whose user name starts so, in order."""
        return [user for name, user in sorted(self.by_name.items()) if name.startswith(start)]

    def __getitem__(self, name: str) -> User:
        return self.by_name[name]


def ensure_people() -> People:
    """Make the site and its accounts once; later calls find them."""
    site = Site.objects.filter(code=SITE).first()
    if site is None:
        site = create_site(SITE, "Demonstration Hospital · 演示医院", by_user=None, is_simulated=True)
    found = {user.username: user for user in User.objects.filter(memberships__site=site).distinct()}
    wanted = [(name, title, role, years) for name, title, role, years, _ in VISITORS]
    for name, title, role, years in (*wanted, *SCRIPTED):
        if name not in found:
            found[name] = create_account(
                name,
                password=PASSWORD,
                display_name=title,
                roles={role: [site]},
                years_of_experience=years,
                is_simulated=True,
                by_user=None,
            )
    for name, *_ in SCRIPTED:
        if found[name].has_usable_password():
            found[name].set_unusable_password()  # nobody signs in as a script
            found[name].save(update_fields=["password"])
    show_accounts(
        DemoAccount(username=name, password=PASSWORD, role=ROLE_NAMES[role], does=does)
        for name, _, role, _, does in VISITORS
    )
    return People(site, found)
