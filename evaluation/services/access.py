"""Who may do what in evaluation: raised before anything is read or written."""

from django.utils.translation import gettext as _

from evaluation.models import Trial
from mammo.accounts.models import Role, Site, User
from mammo.core.errors import NotAllowedError, WrongStateError

DESIGNERS = (Role.RESEARCHER, Role.ADMIN)
ANALYSTS = (Role.RESEARCHER, Role.STATISTICIAN, Role.ADMIN)


def require_designer(site: Site, by_user: User) -> None:
    """Let researchers and administrators of `site` pass.

    Raises:
        NotAllowedError: the account holds neither role there.
    """
    if not by_user.has_role(*DESIGNERS, site=site):
        raise NotAllowedError(_("Only a researcher of this site may do this."))


def require_analyst(site: Site, by_user: User) -> None:
    """Let researchers, statisticians and administrators of `site` pass.

    Raises:
        NotAllowedError: the account holds none of these roles there.
    """
    if not by_user.has_role(*ANALYSTS, site=site):
        raise NotAllowedError(_("Only a researcher or statistician of this site may do this."))


def locked_trial(trial: Trial, *states: str) -> Trial:
    """The trial's row, locked for this transaction, if it stands in one of `states`.

    Raises:
        WrongStateError: it is in another state.
    """
    row = Trial.objects.select_for_update(of=("self",)).select_related("site", "protocol").get(pk=trial.pk)
    if row.state not in states:
        wanted = ", ".join(str(Trial.State(state).label) for state in states)
        raise WrongStateError(
            _("%(name)s: the trial is “%(state)s”; this can be done while it is “%(wanted)s”.")
            % {"name": row.name, "state": row.get_state_display(), "wanted": wanted}
        )
    return row
