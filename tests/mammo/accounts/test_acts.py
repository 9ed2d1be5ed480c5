"""Every act that the code records has a name on the page of the audit trail, in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from annotation.models import Campaign, EndpointApproval
from evaluation.models import DataExport
from mammo.accounts import audit
from mammo.accounts.acts import act_name, known_acts
from mammo.accounts.models import Membership, Site, User

ROOT = Path(__file__).parents[3]
ROOMS = ("platform", "annotation", "evaluation", "modeling")
# The acts whose end is a state or a kind of event: f"annotation.campaign_{state}".
ENDS = {
    "annotation.campaign_": set(Campaign.State.values),
    "annotation.endpoint_": set(EndpointApproval.State.values),
    "evaluation.export_": set(DataExport.State.values),
    "evaluation.trial_": {"opened", "locked"},
    "evaluation.reader_study_": {"frozen", "opened", "locked"},
}


def recorded(tree: ast.Module) -> Iterator[str]:
    """Acts in the first argument of `audit.record`; of an f-string all that it can become."""
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.record"):
            continue
        act = call.args[0]
        if isinstance(act, ast.Name) and act.id not in constants:
            values = [node.value for node in assigned if ast.unparse(node.targets[0]) == act.id]
        else:
            values = [act]
        for part in (part for value in values for part in ast.walk(value)):
            if isinstance(part, ast.JoinedStr):
                yield from (_head(part) + end for end in ENDS[_head(part)])
            elif isinstance(part, ast.Name) and part.id in constants:
                yield str(constants[part.id])
            elif (
                isinstance(part, ast.Constant)
                and "." in str(part.value)
                and not str(part.value).endswith("_")
            ):
                yield str(part.value)


def _head(text: ast.JoinedStr) -> str:
    return str(ast.literal_eval(text.values[0]))


def all_recorded() -> set[str]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {act for path in files for act in recorded(ast.parse(path.read_text("utf-8")))}


def test_every_act_has_a_name_and_no_name_is_of_nothing() -> None:
    acts = all_recorded()
    assert len(acts) > 170, "the walk over the code found too little"
    assert acts - known_acts() == set()
    # Imported constants are not followed: these two are recorded under names of other modules.
    assert known_acts() - acts == {"accounts.second_factor_failed"}


def test_names_are_told_apart_and_written_in_chinese() -> None:
    for language in ("en", "zh-hans"):
        with translation.override(language):
            names = {act: act_name(act) for act in known_acts()}
        assert len(set(names.values())) == len(names), language
        assert all(name != act for act, name in names.items())
        if language == "zh-hans":
            assert all(any("一" <= character <= "鿿" for character in name) for name in names.values())


def test_an_act_of_an_earlier_version_is_shown_as_it_stands() -> None:
    assert act_name("annotation.once_upon") == "annotation.once_upon"


@pytest.mark.django_db
def test_the_page_says_it_in_the_readers_language(client: Client, site: Site) -> None:
    auditor = User.objects.create_user("audra", password="correct horse battery")
    Membership.objects.create(user=auditor, site=site, role="auditor")
    audit.record("annotation.picked", by_user=None, site=site)
    client.force_login(auditor)
    client.cookies["django_language"] = "zh-hans"
    page = client.get("/accounts/audit/").content.decode()
    assert "已选定最佳答案" in page
    assert "annotation.picked" in page
