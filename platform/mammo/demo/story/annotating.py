"""Steps of the story with proposals, corrections and picks, through the same services as the pages."""

from typing import Any

from annotation.models import Campaign, Correction, Proposal, Question
from annotation.services.campaigns import change_proposer
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.export import export_training
from annotation.services.picks import pick, return_to_juniors
from annotation.services.proposals import queue_proposals, unfinished_job
from mammo.archive.models import Split
from mammo.demo.questions import ImageFacts
from mammo.demo.scripted import draw, junior_settles, senior_picks
from mammo.demo.story.context import Story
from mammo.demo.story.data import CAMPAIGN, SPLIT, campaign_questions

LEFT_TO_CORRECT = 10
LEFT_TO_PICK = 5


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
    """Scripted juniors correct and seniors pick; some questions are left for the visitor."""
    questions = campaign_questions(story, CAMPAIGN)
    # Evenly over the campaign, so that a visitor meets both languages and all kinds of question.
    left = LEFT_TO_CORRECT + LEFT_TO_PICK
    spared = [questions[round((i + 0.5) * len(questions) / left)] for i in range(left)]
    to_pick = {q.pk for q in spared[2::3]}
    to_correct = {q.pk for q in spared} - to_pick
    for done, question in enumerate(questions, start=1):
        facts = story.facts_of(question.study.accession_hash) if question.study else None
        if facts is not None and question.pk not in to_correct:
            _correct(story, question, facts)
            if question.pk not in to_pick:
                _pick(story, question, facts)
        story.advance(done, len(questions))
    return {
        "corrections": Correction.objects.filter(proposal__question__campaign__name=CAMPAIGN).count(),
        "picked": Question.objects.filter(campaign__name=CAMPAIGN, stage=Question.Stage.PICKED).count(),
        "left_to_correct": len(to_correct),
        "left_to_pick": len(to_pick),
    }


def _correct(story: Story, question: Question, facts: ImageFacts) -> None:
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
    """Write the picks in LLaMA-Factory's format."""
    people = story.everybody
    campaign = Campaign.objects.get(site=people.site, name=CAMPAIGN)
    result = export_training(
        campaign,
        story.folder / "export",
        format="llamafactory",
        by_user=people["rita"],
        preferences=True,
        split=Split.objects.get(name=SPLIT, site=people.site),
    )
    return {"export": str(result.pk), "content_hash": result.content_hash, "counts": result.counts}
