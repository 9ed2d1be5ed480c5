"""How a site names the columns of its tables: proposed from known names, previewed, remembered."""

import hashlib

from django.db import transaction
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.models import TableMapping
from mammo.archive.table_kinds import KINDS
from mammo.archive.tables import Mapping
from mammo.core.errors import UserError

# Names that hospitals' systems give to our columns, in lower case.
_KNOWN: dict[str, tuple[str, ...]] = {
    "patient": ("patient id", "patientid", "mrn", "hospital number", "住院号", "病历号", "病人号", "患者编号", "登记号"),
    "accession": ("accession number", "accessionnumber", "exam id", "检查号", "检查编号", "申请单号", "放射号"),
    "study_uid": ("study instance uid", "studyinstanceuid", "检查uid"),
    "date": ("study date", "exam date", "report date", "specimen date", "检查日期", "取材日期", "送检日期", "标本日期"),
    "text": ("report", "report text", "findings and impression", "报告", "报告内容", "报告全文", "检查所见", "影像所见"),
    "doctor": ("radiologist", "reporting doctor", "报告医师", "报告医生", "审核医师"),
    "age": ("patient age", "年龄"),
    "vendor": ("manufacturer", "厂商", "设备厂商"),
    "symptom": ("symptoms", "症状", "主诉"),
    "indication": ("reason for exam", "检查目的", "临床诊断"),
    "history": ("clinical history", "病史", "既往史"),
    "side": ("laterality", "breast", "侧别", "部位", "左右"),
    "lesion": ("lesion id", "finding", "病灶", "病灶编号"),
    "method": ("procedure", "biopsy method", "取材方式", "标本类型", "手术方式", "方法"),
    "class": ("result", "diagnosis class", "pathology", "病理结果", "病理分类", "良恶性", "结果"),
    "follow_up_months": ("follow-up months", "随访月数", "随访时间"),
}  # fmt: skip


def proposed(kind: str, header: list[str]) -> Mapping:
    """Our column for each column of a table, '' for those we do not know; each of ours at most once."""
    ours = KINDS[kind].known
    taken: set[str] = set()
    found: Mapping = {}
    for name in header:
        plain = name.strip().lower()
        choice = next((column for column in ours if plain == column or plain in _KNOWN.get(column, ())), "")
        found[name] = "" if choice in taken else choice
        taken.add(choice)
    return found


def remembered(site: Site, kind: str, header: list[str]) -> Mapping | None:
    """The mapping that was used for a table with these columns."""
    row = TableMapping.objects.filter(site=site, kind=kind, header_sha256=_key(header)).first()
    return dict(row.columns) if row else None


def remember(site: Site, kind: str, mapping: Mapping, *, by_user: User | None) -> TableMapping:
    """Use this mapping for tables with these columns from now on.

    Raises:
        UserError: it names a column of ours that does not exist.
    """
    check(kind, mapping)
    with transaction.atomic():
        row, _ = TableMapping.objects.update_or_create(
            site=site,
            kind=kind,
            header_sha256=_key(list(mapping)),
            defaults={"columns": mapping, "by_user": by_user},
        )
        audit.record("archive.table_mapping_kept", by_user=by_user, on=row, site=site, kind=kind)
    return row


def check(kind: str, mapping: Mapping) -> None:
    """Refuse a mapping onto columns that do not exist.

    Raises:
        UserError: names the column and those that exist.
    """
    if kind not in KINDS:
        raise UserError(
            _("unknown kind of table %(kind)r; known: %(known)s") % {"kind": kind, "known": ", ".join(KINDS)}
        )
    known = KINDS[kind].known
    for theirs, ours in mapping.items():
        if ours and ours not in known:
            raise UserError(
                _("column %(theirs)r is mapped to %(ours)r; known: %(known)s")
                % {"theirs": theirs, "ours": ours, "known": ", ".join(known)}
            )


def _key(header: list[str]) -> str:
    return hashlib.sha256("\x1f".join(sorted(header)).encode()).hexdigest()
