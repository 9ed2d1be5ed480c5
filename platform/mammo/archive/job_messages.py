"""What the jobs of this app say while they run and when they fail: known to the pages, which say it in the reader's
language (`mammo.jobs.messages`).
"""

from django.utils.translation import gettext_noop as _

MESSAGES: tuple[str, ...] = (
    _("%(url)r: give the address of a DICOMweb service, such as https://pacs/dicom-web"),
    _("%(url)s: answers %(status)s; see its log"),
    _("%(url)s: no answer (%(reason)s)"),
    _("%(url)s: its answer is no DICOM JSON; is this a DICOMweb service?"),
    _(
        "%(url)s: holds more than the %(count)s results that it gives, and gives no further page: "
        "raise its limit of results, or ask for fewer days"
    ),
    _("the PACS broke off (%(reason)s)"),
    _("the PACS answers %(status)s"),
    _("%(service)s: was removed by an administrator"),
    _("this table was discarded"),
    _("this table is not kept any more: send it again"),
    _("%(name)s: holds no rows"),
    _("%(path)s: neither UTF-8 nor GB18030; save it as UTF-8"),
    _("%(path)s: two columns are mapped to %(twice)r; leave one out"),
    _("%(path)s: unknown column %(named)s; known: %(known)s. Rename or remove it"),
    _("%(path)s: column %(missing)r is missing; needed: %(known)s"),
    _("%(path)s: nothing to match rows by; it needs %(groups)s"),
    _("%(path)s: empty; it needs a line of column names and a row below it"),
    _("%(path)s: unpacks to more than a table can hold; save it again or give a CSV file"),
    _("%(path)s: column %(twice)r stands in it twice; rename one"),
    _("%(path)s, line %(line)s: %(error)s; mend this line"),
    _("%(path)s, line %(number)s: expected one JSON object per line"),
    _("%(path)s: not a readable XLSX file; save it again or give a CSV file"),
    _("%(path)s, line %(line)s: more cells than columns; quote cells that hold commas"),
    _("%(path)s, line %(number)s: not JSON (%(error)s); mend this line"),
    _("larger than %(size)s MB"),
    _("%(option)s %(path)s: holds no rows; known columns: %(known)s"),
)
