"""Steps of the story with blinded trials: one from design to Table 1, one left open for the visitor."""

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import transaction

from annotation.models import Campaign
from evaluation.models import Answer, Arm, Slot, Trial, TrialQuestion, UnfinishedDialogue
from evaluation.services import (
    arms,
    drafts,
    freezing,
    protocols,
    raters,
    scoring,
    screening,
    trials,
    unblinding,
)
from evaluation.services.answers import queue_answers, record_human_answer
from evaluation.services.dealing import MOST_EXTRA
from evaluation.services.writing import record_turn
from mammo.accounts.models import User
from mammo.demo.scripted import author_answers, draw, rater_scores
from mammo.demo.story.context import Story
from mammo.demo.story.data import TRIAL_CAMPAIGN, TRIAL_QUESTIONS
from mammo.demo.story.training import LLAVA_STAGE, checkpoint_of, wait_for_llava

TRIAL = "Demo trial · 演示试验"
VISITOR_TRIAL = "Trial for you · 请您评分的试验"
VISITOR_QUESTIONS = 9
FORMATS = ("csv", "tex", "html", "md")
# Answering systems of the trials, and the stage whose weights answer.
SYSTEMS = {"MammoVLM": "sft", "Tiny LLaVA": LLAVA_STAGE, "Untuned LLM": "language"}
ENDPOINT = {
    "endpoint": "correctness",
    "first": "MammoVLM",
    "second": "Untuned LLM",
    "hypothesis": "superiority",
}
# What answers is small and mixes languages; of who answered, raters learn nothing here.
INSTRUCTIONS = (
    "Score each answer against the images and what a patient needs. A question in English may be answered in Chinese: "
    "that is how the answer was given, not a mistake of the page.\n"
    "请对照图像并按患者的需要为每个回答评分。英文问题可能得到中文回答：回答原本如此，并非页面出错。"
)
ETHICS = "not needed: patients and raters are made up · 无需审批：患者与评分者均为虚构"
RULES = {
    "missing_scores": "left out",
    "withdrawn_raters": "left out, counted in the flow",
    "failed_controls": "contrasts are given without raters who fail",
    "control_points": 5,
}
# One hidden repeat and one degraded control for each rater, where they are at most one form in twenty.
EXTRAS = {"repeats": 1, "controls": 1}
ANSWERING = {"temperature": 0.0, "max_new_tokens": 80}


def complete_trial(story: Story) -> dict[str, Any]:
    """Design, answer, freeze, score, lock, unblind, and write Table 1."""
    people = story.everybody
    wait_for_llava(story)
    trial = _designed(story, TRIAL, TRIAL_QUESTIONS, people.named("scripted-rater"))
    if trial.state == Trial.State.SCORING:
        _score(story, trial)
        trial = scoring.lock_trial(trial, by_user=people["rita"])
    if trial.state == Trial.State.LOCKED:
        if unblinding.pending_request(trial) is None:
            unblinding.request_unblinding(
                trial, by_user=people["rita"], reason="the demonstration's scoring is complete"
            )
        trial = unblinding.confirm_unblinding(trial, by_user=people["scripted-confirmer"])
    return {"trial": str(trial.pk), "tables": [str(path) for path in write_tables(story)]}


def open_trial(story: Story) -> dict[str, Any]:
    """A second trial, open for the visitor who signs in as a senior; questions of several turns stand as dialogues."""
    trial = _designed(story, VISITOR_TRIAL, VISITOR_QUESTIONS, [story.everybody["sena"]], dialogues=True)
    return {"trial": str(trial.pk)}


def write_tables(story: Story) -> list[Path]:
    """Table 1 of the finished trial in every format, through the ordinary command."""
    folder = story.folder / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in FORMATS:
        paths.append(folder / f"table_1.{kind}")
        with redirect_stderr(io.StringIO()):  # it would tell its files and notes once for each format
            call_command("table", "1", trial=TRIAL, simulated=True, format=kind, out=paths[-1])
    return paths


def _designed(
    story: Story, name: str, questions: int, scorers: list[User], *, dialogues: bool = False
) -> Trial:
    """Make, fill, freeze and open a trial; each part is left alone when it is there."""
    people = story.everybody
    researcher = people["rita"]
    trial = Trial.objects.filter(site=people.site, name=name).first() or _drafted(story, name)
    if trial.state == Trial.State.DRAFT:
        _fill(story, trial, questions, scorers, dialogues=dialogues)
        protocols.freeze_protocol(trial.protocol, by_user=researcher)
        trial = freezing.freeze_trial(trial, by_user=researcher)
    if trial.state == Trial.State.FROZEN:
        trial = scoring.open_scoring(trial, by_user=researcher)
    return trial


@transaction.atomic
def _drafted(story: Story, name: str) -> Trial:
    """A trial with its protocol."""
    people = story.everybody
    protocol = protocols.create_protocol(
        f"Protocol · 方案: {name}",
        site=people.site,
        by_user=people["rita"],
        ethics_approval=ETHICS,
        consent_basis="synthetic questions",
        rules=RULES,
        primary_endpoint=ENDPOINT,
        analysis_plan="Two-way random effects over raters and questions; all contrasts with Holm.",
    )
    return trials.create_trial(
        name,
        protocol=protocol,
        by_user=people["rita"],
        rater_title="Answers to patients' questions · 对患者问题的回答",
        instructions=INSTRUCTIONS,
        seed=story.seed,
        is_simulated=True,
    )


def _fill(story: Story, trial: Trial, questions: int, scorers: list[User], *, dialogues: bool) -> None:
    people = story.everybody
    researcher = people["rita"]
    if not Arm.objects.filter(trial=trial).exists():
        _add_arms(story, trial)
    if not TrialQuestion.objects.filter(trial=trial).exists():
        _add_questions(story, trial, questions, dialogues=dialogues)
    rating = set(trial.raters.values_list("user", flat=True))
    for user in scorers:
        if user.pk not in rating:
            raters.add_rater(trial, user, by_user=researcher)
    job = queue_answers(trial, by_user=researcher, parameters=ANSWERING)
    _write_human_answers(story, trial)
    if job is not None:
        story.wait(job)
    for hit in screening.blocking_hits(trial):
        is_outlier = hit.finding.is_measured
        screening.settle(
            trial,
            "" if is_outlier else hit.finding.matched,
            "accept",
            "small random-weight models; nothing names an arm",
            by_user=researcher,
            kind=hit.finding.kind if is_outlier else "",
        )


@transaction.atomic
def _add_arms(story: Story, trial: Trial) -> None:
    people = story.everybody
    researcher = people["rita"]
    for name, stage in SYSTEMS.items():
        checkpoint = checkpoint_of(story, stage)
        arms.add_system_arm(trial, name, by_user=researcher, checkpoint=checkpoint, is_simulated=True)
    for title, author in (("Junior doctor", "junior"), ("Senior doctor", "senior")):
        arms.add_human_arm(trial, title, authors=[people[f"scripted-author-{author}"]], by_user=researcher)


@transaction.atomic
def _add_questions(story: Story, trial: Trial, most: int, *, dialogues: bool) -> None:
    """Sample the questions, and hide further forms among theirs where those are few enough."""
    people = story.everybody
    researcher = people["rita"]
    campaign = Campaign.objects.get(site=people.site, name=TRIAL_CAMPAIGN)
    ready = min(most, len(trials.eligible_questions(trial, campaign, dialogues=dialogues)))
    trials.sample_questions(trial, campaign, ready, by_user=researcher, dialogues=dialogues)
    forms = ready * trial.arms.count() + sum(EXTRAS.values())
    if not dialogues and sum(EXTRAS.values()) <= MOST_EXTRA * forms:
        trial.refresh_from_db()
        drafts.change_trial(trial, EXTRAS, by_user=researcher, expected_version=trial.version)


def _write_human_answers(story: Story, trial: Trial) -> None:
    for title, author in (("Junior doctor", "junior"), ("Senior doctor", "senior")):
        arm = Arm.objects.get(trial=trial, name=title)
        writer = story.everybody[f"scripted-author-{author}"]
        answered = set(Answer.objects.filter(arm=arm).values_list("question", flat=True))
        for item in TrialQuestion.objects.filter(trial=trial).select_related("question__study"):
            study = item.question.study
            if item.pk in answered or study is None:
                continue
            rng = draw(story.seed, author, item.question.position)
            facts = story.facts_of(study.accession_hash)
            text = author_answers(item.question.turns, facts, senior=author == "senior", rng=rng)
            seconds = round(rng.uniform(40, 180), 1)
            if not item.is_dialogue:
                record_human_answer(arm, item, text, by_user=writer, seconds=seconds)
                continue
            # What was said between the turns asks for nothing about the images: the hospital's own reply will do.
            replies = [*item.question.turns[1::2], text]
            begun = UnfinishedDialogue.objects.filter(arm=arm, question=item).first()
            for turn in range(len(begun.answers) if begun else 0, len(replies)):
                record_turn(
                    arm, item, replies[turn], by_user=writer, turn=turn + 1, seconds=seconds / len(replies)
                )


def _score(story: Story, trial: Trial) -> None:
    """Every scripted rater scores every form from its text, the question and the images' truth alone."""
    forms = Slot.objects.filter(rater__trial=trial).count()
    done = 0
    for rater in trial.raters.select_related("user").order_by("user__username"):
        if rater.consented_at is None:
            raters.consent(rater, by_user=rater.user)
        leniency = draw(story.seed, "leniency", rater.user.username).gauss(0, 3)
        for slot in rater.slots.select_related("answer__question__question__study").order_by("position"):
            question = slot.answer.question.question
            if question.study is not None and not scoring.standing_scores(slot):
                rng = draw(story.seed, rater.user.username, slot.position)
                facts = story.facts_of(question.study.accession_hash)
                values = rater_scores(question.turns, facts, slot.shown_text, rng, leniency)
                scoring.record_scores(
                    slot, by_user=rater.user, values=values, active_seconds=round(rng.uniform(20, 75), 1)
                )
            done += 1
            story.advance(done, forms)
