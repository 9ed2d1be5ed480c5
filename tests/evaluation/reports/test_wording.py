"""Methods and notes of the statistics in Chinese: every listed template is one that the statistics still write."""

import inspect
import re
from types import ModuleType

import pytest
from django.utils import translation

from evaluation.analyses import agreement, paired, preferences, proportions, ranks, roc, roc_checks, scores
from evaluation.models import Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.tables import build_table
from evaluation.reports.wording import TEMPLATES, in_words, sentences
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.statistics import (
    authors,
    blinding,
    bootstrap_auc,
    bradley_terry,
    cluster_bootstrap,
    clustered_pairs,
    clustered_roc,
    clustered_shares,
    crossed,
    delong,
    fixed_sensitivity,
    fleiss,
    friedman,
    intraclass,
    kendall_w,
    krippendorff,
    mixed_model,
    moments,
    mrmc,
    mrmc_clusters,
    mrmc_layout,
    multiclass_auc,
    obuchowski_rockette,
    partial_auc,
    score_analysis,
    score_sensitivity,
    tango,
    unequal_spread,
    venkatraman,
    wilcoxon,
)
from mammo.accounts.models import Site, User
from tests.evaluation import scene

MODULES: tuple[ModuleType, ...] = (
    *(agreement, paired, preferences, proportions, ranks, roc, roc_checks, scores),
    *(authors, blinding, bootstrap_auc, bradley_terry, cluster_bootstrap, clustered_pairs, clustered_roc),
    *(clustered_shares, crossed, delong, fixed_sensitivity, fleiss, friedman, intraclass, kendall_w),
    *(krippendorff, mixed_model, moments, mrmc, mrmc_clusters, mrmc_layout, multiclass_auc),
    *(obuchowski_rockette, partial_auc, score_analysis, score_sensitivity, tango, unequal_spread),
    *(venkatraman, wilcoxon),
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_constant_of_the_statistics_and_has_a_translation(template: str) -> None:
    constants = {
        value for module in MODULES for _name, value in inspect.getmembers(module) if isinstance(value, str)
    } | set(ranks.SCOPES.values())
    assert template in constants
    with translation.override("zh-hans"):
        said = in_words(template)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said)


def test_numbers_and_words_go_into_the_translation() -> None:
    text = cluster_bootstrap.METHOD.format(clusters="patients", b=2000)
    assert in_words(text) == text
    assert sentences(["one reader: x"]) == ["One reader: x."]
    with translation.override("zh-hans"):
        assert "2000" in in_words(text)
        assert "patients" not in in_words(text)
        assert in_words("a method that nobody listed") == "a method that nobody listed"
        assert sentences([crossed.ONE_RATER])[0].endswith("。")


def test_table_1_in_chinese_names_its_method_and_notes_in_chinese(trial: Trial, rita: User) -> None:
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    with translation.override("zh-hans"):
        built = build_table(1, TableOptions(Trial.objects.get(pk=trial.pk)))
    assert "two-way" not in built.method
    notes = " ".join(built.notes)
    assert "agreement is over" not in notes.lower()
    # Aspects as the heads name them, units and lists as Chinese sets them.
    assert not [key for key in scene.ASPECTS if key in notes.lower()]
    assert "按问题的自助法" in notes
    arms = [row.label for row in built.rows]
    assert f"（{'、'.join(arms)}）" in notes
    (agreement,) = (note for note in built.notes if "ICC(A,1)" in note)
    assert re.search(r"：正确性 0\.\d\d/0\.\d\d \[[^]]*\]、合理性 ", agreement)


def test_the_caption_of_a_simulated_table_1_lists_in_the_readers_way(
    rita: User, june: User, site: Site
) -> None:
    robots = [scene.person(site, name, is_simulated=True) for name in ("Robot", "Roberta")]
    trial = scene.open_trial(rita, june, robots)
    trial.arms.update(is_simulated=True)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    said = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            said[language] = build_table(1, TableOptions(Trial.objects.get(pk=trial.pk), simulated=True))
    assert "simulated raters, random-weight models" in said["en"].caption
    assert "模拟评分者、随机权重模型" in said["zh-hans"].caption


def score_at_the_end(trial: Trial) -> None:
    """Correctness lies near the scale's end and raters differ in it; all else lies in the middle."""
    for place, rater in enumerate(trial.raters.select_related("user").order_by("pk")):
        while (slot := next_slot(rater)) is not None:
            given = dict.fromkeys(scene.ASPECTS, 50 + slot.position % 5) | {"correctness": 100 - 8 * place}
            record_scores(slot, by_user=rater.user, values=given, active_seconds=20)


def test_a_note_of_one_aspect_names_it_as_the_head_does(trial: Trial, rita: User) -> None:
    score_at_the_end(trial)
    lock_trial(trial, by_user=rita)
    said = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            built = build_table(1, TableOptions(Trial.objects.get(pk=trial.pk)))
        said[language] = next(note for note in built.notes if re.search("cut off|截断", note))
    assert said["en"].endswith("(Correctness).")
    assert said["zh-hans"].endswith("（正确性）。")
