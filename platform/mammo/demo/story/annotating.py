"""Steps of the story with proposals, corrections and picks, through the same services as the pages."""

from pathlib import Path
from typing import Any

from annotation.models import Campaign, Correction, Pick, Proposal, Question, TrainingExport
from annotation.services.campaigns import change_proposer
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.export import export_training
from annotation.services.picks import pick, return_to_juniors
from annotation.services.proposals import queue_proposals, unfinished_job
from mammo.archive.held_files import destroy_folder
from mammo.archive.models import Split
from mammo.core.errors import StaleVersionError, UserError, WrongStateError
from mammo.demo.questions import ImageFacts
from mammo.demo.scripted import draw, junior_settles, senior_picks
from mammo.demo.story.context import Story
from mammo.demo.story.data import CAMPAIGN, SPLIT, campaign_questions

LEFT_TO_CORRECT = 10
LEFT_TO_PICK = 5
# A visitor holds the question, or was faster: it is theirs.
TAKEN_BY_A_VISITOR = (WrongStateError, StaleVersionError)
# As often is an export begun anew whose picks a visitor changed meanwhile.
EXPORT_TRIES = 5


def propose(story: Story) -> dict[str, Any]:
    """Three answers to each question by the small GLM, in a child process."""
    people = story.everybody
    campaign = Campaign.objects.get(site=people.site, name=CAMPAIGN)
    if not Proposal.objects.filter(question__campaign=campaign).exists():
        change_proposer(
            campaign,
            by_user=people["rita"],
            proposer={
                "kind": "transformers",
                "path": story.progress.notes["language"]["checkpoint"],
                "name": "tiny GLM (random weights, text only)",
            },
        )
    job = queue_proposals(campaign, by_user=people["rita"])
    while job is not None:  # many questions are several jobs, one behind the other
        story.wait(job)
        job = unfinished_job(campaign)
    made = Proposal.objects.filter(question__campaign=campaign)
    return {"proposals": made.count(), "repeated": made.filter(is_distinct=False).count()}


def annotate(story: Story) -> dict[str, Any]:
    """Scripted juniors correct and seniors pick; some questions are left for the visitor, and whatever one took."""
    questions = campaign_questions(story, CAMPAIGN)
    # Evenly over the campaign, so that a visitor meets both languages and all kinds of question.
    left = LEFT_TO_CORRECT + LEFT_TO_PICK
    spared = [questions[round((i + 0.5) * len(questions) / left)] for i in range(left)]
    to_pick = {q.pk for q in spared[2::3]}
    to_correct = {q.pk for q in spared} - to_pick
    taken = 0
    for done, question in enumerate(questions, start=1):
        facts = story.facts_of(question.study.accession_hash) if question.study else None
        if facts is not None and question.pk not in to_correct:
            try:
                _correct(story, question, facts)
                if question.pk not in to_pick:
                    _pick(story, question, facts)
            except TAKEN_BY_A_VISITOR:
                if not Campaign.objects.filter(pk=question.campaign_id, state=Campaign.State.OPEN).exists():
                    raise
                taken += 1
        story.advance(done, len(questions))
    if taken:
        story.say(f"      questions that visitors took: {taken}")
    return {
        "corrections": Correction.objects.filter(proposal__question__campaign__name=CAMPAIGN).count(),
        "picked": Question.objects.filter(campaign__name=CAMPAIGN, stage=Question.Stage.PICKED).count(),
        "left_to_correct": len(to_correct),
        "left_to_pick": len(to_pick),
        "taken_by_visitors": taken,
    }


def _correct(story: Story, question: Question, facts: ImageFacts) -> None:
    question.refresh_from_db()  # since the list was read, a visitor may have sent it in
    if question.stage != Question.Stage.PROPOSED:
        return
    juniors = story.everybody.named("scripted-junior")
    rng = draw(story.seed, "correct", question.position, question.round)
    proposals = list(Proposal.objects.current(question))
    settled = junior_settles(question.turns, facts, [p.text for p in proposals], rng)
    submit_corrections(
        question,
        by_user=juniors[question.position % len(juniors)],
        items=[
            CorrectionItem(proposal=p.pk, text=s.text, no_change=s.no_change, error_tags=s.error_tags)
            for p, s in zip(proposals, settled, strict=True)
        ],
        active_seconds=round(rng.uniform(25, 90), 1),
        stands_because="the images show what it states",
    )
    question.refresh_from_db()


def _pick(story: Story, question: Question, facts: ImageFacts) -> None:
    if question.stage != Question.Stage.CORRECTED:
        return
    seniors = story.everybody.named("scripted-senior")
    senior = seniors[question.position % len(seniors)]
    rng = draw(story.seed, "pick", question.position, question.round)
    corrections = list(
        Correction.objects.standing().filter(proposal__question=question, round=question.round)
    )
    corrections.sort(key=lambda c: c.proposal.index)
    best = senior_picks(question.turns, facts, [c.text for c in corrections], rng)
    if best is None:
        return_to_juniors(question, by_user=senior, reason="none states what the images show")
        question.refresh_from_db()
        _correct(story, question, facts)
        if question.round < 4:
            _pick(story, question, facts)
        return
    pick(
        question,
        by_user=senior,
        correction=corrections[best].pk,
        reason_codes=["correctness"],
        active_seconds=round(rng.uniform(15, 60), 1),
    )
    question.refresh_from_db()


def export(story: Story) -> dict[str, Any]:
    """Write the picks in LLaMA-Factory's format; what an earlier call put on record is taken as it is."""
    campaign = Campaign.objects.get(site=story.everybody.site, name=CAMPAIGN)
    folder = story.folder / "export"
    rows = TrainingExport.objects.filter(campaign=campaign, folder=str(folder.absolute()))
    found = rows.order_by("-created_at").first() if folder.exists() else None
    result = found or _exported(story, campaign, folder)
    return {"export": str(result.pk), "content_hash": result.content_hash, "counts": result.counts}


def _exported(story: Story, campaign: Campaign, folder: Path) -> TrainingExport:
    """A new export; begun anew where a visitor picked another answer while it was written."""
    # What a killed call wrote: pictures that no row names.
    for left in (folder, *folder.parent.glob(f".{folder.name}.*.part")):
        destroy_folder(str(left))
    for tries_left in reversed(range(EXPORT_TRIES)):
        before = _picks(campaign)
        try:
            return export_training(
                campaign,
                folder,
                format="llamafactory",
                by_user=story.everybody["rita"],
                preferences=True,
                split=Split.objects.get(name=SPLIT, site=story.everybody.site),
            )
        except UserError:
            if not tries_left or _picks(campaign) == before:
                raise
    raise RuntimeError("the last try neither returned nor raised")


def _picks(campaign: Campaign) -> set[Any]:
    return set(Pick.objects.standing().filter(question__campaign=campaign).values_list("pk", flat=True))
