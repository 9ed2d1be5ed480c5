"""The proof on phantoms: its plan, its worker at tiny scale, and the table of what came out."""

import fcntl
from dataclasses import replace

import pytest

from modeling.training.callbacks import StopRequest
from modeling.training.config import STAGES
from modeling.training.proof.plan import FULL, TINY, Cell, cells, due, fingerprints, forget_stale, stale_cells
from modeling.training.proof.table import figure, lines, markdown, read_kept, read_results, write_kept
from modeling.training.proof.worker import Deadline, is_done, work

WHOLE_CHAIN = (
    "snapshot-0", "density-0", "umicon_unsupervised-umicon-0", "umicon_supervised-umicon-0", "corpus-0", "language-0",
    "sft-moe_umicon_sft-0",
)  # fmt: skip


@pytest.mark.parametrize("scale", [FULL, TINY])
def test_every_cell_comes_after_those_it_needs_and_has_a_setting_that_its_stage_takes(scale):
    seen = set()
    for cell in cells(scale):
        assert set(cell.needs.values()) <= seen
        assert cell.name not in seen
        seen.add(cell.name)
        if cell.stage in STAGES:
            STAGES[cell.stage].from_overrides(cell.config)


def test_cells_that_were_not_run_are_named_and_whole_seeds_as_seeds():
    results = {cell.name: {"seconds": 1.0, "figures": {}} for cell in cells(TINY) if cell.name != "density-0"}
    asked = {"seeds": 2, "command": "manage.py prove", "machine": "here", "date": "today"}
    assert "Not run (1): density-0." in markdown(results, cells(TINY), **asked)
    first = {name: row for name, row in results.items() if name.endswith("-0")}
    left = len(cells(TINY)) - len(first)
    assert f"Not run ({left}): every cell of seed 1, density-0." in markdown(first, cells(TINY), **asked)


def test_a_seed_is_done_before_the_next_begins():
    """What half an hour on another machine can do is a whole seed."""
    seeds = [cell.seed for cell in cells(FULL)]
    assert seeds == sorted(seeds)


def test_what_another_machine_did_is_done_again_only_where_something_starts_from_it():
    plan = [cell for cell in cells(TINY) if cell.name in WHOLE_CHAIN]
    names = [cell.name for cell in plan]
    assert due(plan, results=set(names), here=set()) == []
    # The last needs the weights of all before it; the density selector is needed by the unsupervised stage.
    assert [cell.name for cell in due(plan, set(names) - {"sft-moe_umicon_sft-0"}, here=set())] == names
    without = {"snapshot-0", "density-0"}
    found = due(plan, set(names) - {"umicon_unsupervised-umicon-0"}, here=without)
    assert [cell.name for cell in found] == ["umicon_unsupervised-umicon-0"]
    assert [cell.name for cell in due(plan, set(names) - {"language-0"}, here=set())] == [
        "corpus-0",
        "language-0",
    ]


def test_a_kept_result_counts_only_for_the_setting_that_gave_it(tmp_path):
    plan = [cell for cell in cells(TINY) if cell.name in WHOLE_CHAIN]
    kept = tmp_path / "proof.jsonl"
    row = {"seconds": 2.0, "date": "2026-12-01", "sources": "abc", "figures": {"test_macro_auc": 0.9}}
    write_kept(kept, {name: {"cell": name, **row} for name in ("density-0", "language-0")}, plan)
    assert read_kept(kept, plan)["density-0"]["figures"] == {"test_macro_auc": 0.9}
    # Another number of studies changes the phantoms, so everything but the language model's text.
    larger = [cell for cell in cells(replace(TINY, studies=13)) if cell.name in WHOLE_CHAIN]
    assert set(read_kept(kept, larger)) == {"language-0"}
    assert fingerprints(plan)["density-0"] != fingerprints(larger)["density-0"]
    assert read_kept(tmp_path / "none.jsonl", plan) == {}


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"cell": "density-0"}', '{"cell": "density-0", "setting": "", "figures": 3}']
)
def test_a_line_that_is_no_result_is_named_with_its_mend(tmp_path, line):
    kept = tmp_path / "proof.jsonl"
    kept.write_text(f"\n{line}\n".lstrip("\n"), "utf-8")
    with pytest.raises(ValueError, match=r"proof\.jsonl, line 1: not a cell's result .*; take the line out"):
        read_kept(kept, cells(TINY))


def test_the_page_says_when_and_by_which_code_where_these_differ():
    results = {
        f"density-{seed}": {"seconds": 60.0, "processor_seconds": 30.0, "date": f"2026-12-0{1 + seed}", "sources": "abc",
                            "figures": {"test_macro_auc": 0.9}}
        for seed in range(2)
    }  # fmt: skip
    page = markdown(results, cells(TINY), seeds=2, command="manage.py prove", machine="here", date="today")
    assert "2 minutes of single processes altogether (1 of the processor)" in page
    assert "2026-12-01, sources abc: seeds 0 (1 cells); 2026-12-02, sources abc: seeds 1 (1 cells)." in page
    del results["density-1"]
    assert "Run when" not in markdown(
        results, cells(TINY), seeds=2, command="manage.py prove", machine="here", date="today"
    )


def test_classifiers_have_five_seeds_and_rows_with_a_language_model_three():
    names = [cell.name for cell in cells(FULL)]
    assert sum(name.startswith("umicon_supervised-attention-") for name in names) == 5
    assert sum(name.startswith("encoder_probe-CLIP-") for name in names) == 5
    assert sum(name.startswith("classifier-mirai-") for name in names) == 5
    assert sum(name.startswith("sft-clip-") for name in names) == 3


def test_every_figure_of_the_table_is_read_from_a_cell_that_the_plan_has():
    """Each line finds a number when every cell of the plan has every figure."""
    names = {
        "test_macro_auc",
        *(f"test_auc_{density}" for density in "ABCD"),
        "test_image_auc",
        "test_report_auc",
        "test_fused_auc",
        "std",
        "r_at_1",
        "chance",
    }
    names |= {
        "density_right",
        "line_right",
        "line_as_picked",
        "follows_swap",
        "blank_density_right",
        "laterality_right",
        "collapse",
    }
    names |= {"start_std"} | {f"untuned_{name}" for name in names}
    results = {cell.name: {"seconds": 1.0, "figures": dict.fromkeys(names, 0.5)} for cell in cells(FULL)}
    assert [line.label for line in lines() if line.read(results, 0) is None] == []


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One chain of tiny cells, from phantoms to a tuned MammoVLM."""
    folder = tmp_path_factory.mktemp("proof")
    plan = [cell for cell in cells(TINY) if cell.name in WHOLE_CHAIN]
    work(folder, plan, StopRequest())
    return folder, plan


@pytest.mark.slow
def test_a_tiny_chain_is_trained_and_its_figures_stand_in_the_table(done):
    folder, plan = done
    results = read_results(folder, plan)
    assert set(results) == set(WHOLE_CHAIN)
    tuned = results["sft-moe_umicon_sft-0"]["figures"]
    assert {"density_right", "untuned_density_right", "follows_swap", "blank_density_right"} <= set(tuned)
    page = markdown(
        results, cells(TINY), seeds=2, command="manage.py prove --tiny", machine="here", date="today"
    )
    assert f"{len(results)} of {len(cells(TINY))} cells were run" in page
    assert "encoder_probe-CLIP-0" in page.split("Not run")[1].splitlines()[0]
    (selector,) = [row for row in page.splitlines() if row.startswith("| Density selector")]
    auc = results["density-0"]["figures"]["test_macro_auc"]
    assert "not run" in selector if auc is None else f"{auc:.3f}" in selector


def test_a_chain_goes_on_from_results_of_another_machine(done, tmp_path):
    """Nothing is trained for a result that is known; what another cell starts from is done again, and says the same."""
    folder, plan = done
    kept, first = tmp_path / "proof.jsonl", read_results(folder, plan)
    write_kept(kept, {name: first[name] for name in ("snapshot-0", "density-0", "corpus-0")}, plan)
    elsewhere = read_kept(kept, plan)
    few = [cell for cell in plan if cell.name in ("snapshot-0", "density-0", "corpus-0", "language-0")]
    work(tmp_path / "new", few, StopRequest(), elsewhere=elsewhere, sources="abc")
    again = read_results(tmp_path / "new", few)
    assert set(again) == {"corpus-0", "language-0"}
    assert again["language-0"]["figures"] == first["language-0"]["figures"]
    assert again["language-0"]["sources"] == "abc"
    assert again["language-0"]["processor_seconds"] > 0


def test_what_was_done_is_not_done_again(done):
    folder, plan = done
    before = {cell.name: (folder / cell.name / "result.json").stat().st_mtime_ns for cell in plan}
    work(folder, plan, StopRequest())
    assert {cell.name: (folder / cell.name / "result.json").stat().st_mtime_ns for cell in plan} == before


def density(name, data, **config):
    return Cell(
        name=name,
        stage="density",
        seed=0,
        config={**TINY.setting("density", {}), **config},
        needs={"snapshot": data},
    )


def test_a_cell_cut_short_goes_on_from_its_checkpoint_and_ends_as_if_it_had_not_been(done):
    folder, _ = done

    class AfterAFewSteps(StopRequest):
        left = 7

        @property
        def asked(self):
            self.left -= 1
            return self.left < 0

        @asked.setter
        def asked(self, value):
            pass

    cut = density("cut", "snapshot-0", epochs=3)
    work(folder, [cut], AfterAFewSteps())
    assert not is_done(folder, "cut")
    assert list((folder / "cut" / "run" / "trainer").glob("checkpoint-*"))
    whole = density("whole", "snapshot-0", epochs=3)
    for cell in (cut, whole):
        work(folder, [cell], StopRequest())
    figures = read_results(folder, [cut, whole])
    assert figures["cut"]["figures"] == figures["whole"]["figures"]
    weights = [
        (folder / name / "run" / "model" / "model.safetensors").read_bytes() for name in ("cut", "whole")
    ]
    assert weights[0] == weights[1]


def test_cells_of_another_setting_and_what_builds_on_them_are_forgotten(tmp_path):
    data = Cell(name="data", stage="snapshot", seed=0, config={"studies": 10})
    text = Cell(name="text", stage="corpus", seed=0, config={"dialogues": 5})
    built = Cell(name="built", stage="corpus", seed=0, config={"dialogues": 5}, needs={"snapshot": "data"})
    work(tmp_path, [data, text, built], StopRequest())
    assert forget_stale(tmp_path, [data, text, built]) == []
    other = replace(data, config={"studies": 11})
    with (tmp_path / "built" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stale_cells(tmp_path, [other, text, built]) == ["data", "built"]
        assert forget_stale(tmp_path, [other, text, built]) == ["data"], "another process is at the second"
    assert is_done(tmp_path, "built")
    work(tmp_path, [data], StopRequest())
    assert forget_stale(tmp_path, [other, text, built]) == ["data", "built"]
    assert is_done(tmp_path, "text")
    work(tmp_path, [other, text, built], StopRequest())
    assert read_results(tmp_path, [other])["data"]["figures"] == {"studies": 11}


def test_a_cell_that_another_process_holds_is_left_to_it(done):
    folder, _ = done
    (folder / "held").mkdir()
    with (folder / "held" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work(folder, [Cell(name="held", stage="corpus", seed=0, config={"dialogues": 5})], Deadline(0.1))
    assert not is_done(folder, "held")


def test_a_cell_that_fails_is_told_and_does_not_stop_the_others(done):
    folder, _ = done
    bad = Cell(
        name="bad", stage="density", seed=0, config={"no_such_field": 1}, needs={"snapshot": "snapshot-0"}
    )
    good = Cell(name="good", stage="corpus", seed=0, config={"dialogues": 5})
    work(folder, [bad, good], StopRequest())
    assert is_done(folder, "good")
    assert (folder / "bad" / "failure.txt").read_text() == "exit code 2\n"


def test_the_literal_run_differs_from_the_default_in_its_loss_alone():
    settings = {cell.name: cell.config for cell in cells(FULL)}
    default, literal = (settings[f"umicon_unsupervised-{name}-0"] for name in ("umicon", "faithful"))
    changed = {key for key in {*default, *literal} if default.get(key) != literal.get(key)}
    assert changed == {"negatives", "normalise"}


@pytest.mark.parametrize(
    ("gains", "holds"),
    [((0.0, 0.0, 0.0), False), ((0.4, -0.1, 0.2), False), ((0.3, 0.4, 0.35), True), ((0.3,), None)],
)
def test_a_gain_holds_only_when_its_whole_interval_lies_above_nothing(gains, holds):
    line = next(line for line in lines() if line.label == "3/4 line right, gained by SFT")
    results = {
        f"sft-moe_umicon_sft-{seed}": {
            "figures": {"line_as_picked": 0.5 + gain, "untuned_line_as_picked": 0.5}
        }
        for seed, gain in enumerate(gains)
    }
    assert figure(line, results, len(gains)).holds is holds


def test_an_interval_is_students_t_over_seeds():
    line = next(line for line in lines() if line.part == "Density selector")
    results = {
        f"density-{seed}": {"seconds": 1.0, "figures": {"test_macro_auc": value}}
        for seed, value in enumerate((0.95, 0.97, 0.99))
    }
    found = figure(line, results, 5)
    assert found.mean == pytest.approx(0.97)
    # sd .02, t(2) at .975 is 4.3027 (R: qt(.975, 2))
    assert found.interval == pytest.approx((0.97 - 4.302653 * 0.02 / 3**0.5, 0.97 + 4.302653 * 0.02 / 3**0.5))
    assert found.holds
