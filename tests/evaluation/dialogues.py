"""A trial of dialogues and single questions, for the tests of both."""

import json
from collections.abc import Sequence
from typing import Any

from annotation.models import Question
from evaluation.models import Arm, Trial
from evaluation.services.answers import queue_answers, record_human_answer
from evaluation.services.arms import add_human_arm, add_system_arm
from evaluation.services.trials import add_questions, create_trial
from evaluation.services.writing import record_turn
from mammo.accounts.models import User
from mammo.jobs import services as jobs
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene

# What the patient says; between the turns stand the answers that she got where the question was asked.
ASKED = ("我的乳腺密度是多少？", "这需要治疗吗？", "那我多久复查一次？")
TURNS = (ASKED[0], "旧的回答一", ASKED[1], "旧的回答二", ASKED[2])


def questions(rita: User, people: Sequence[User], singles: int = 1, dialogues: int = 2) -> list[Question]:
    """Single questions, then questions of three turns about the images of other patients."""
    asked = scene.questions_of(rita, people, singles)
    rows = []
    for number in range(dialogues):
        patient, accession = f"D{number:03d}", f"AD{number:03d}"
        scene.patient_with_study(rita.sites_as("researcher").get(), patient, accession)
        turns = (f"{ASKED[0]}（第{number}人）", *TURNS[1:])
        rows.append(
            annotation_scene.row(turns=turns, number=50 + number, patient=patient, accession=accession)
        )
    return annotation_scene.ask(asked[0].campaign, *rows)


def draft(
    rita: User, author: User, people: Sequence[User], mark: str = "", count: int = 2, **settings: Any
) -> Trial:
    """A draft with two systems and a doctor; `mark` stands in whatever raters must not see."""
    trial = create_trial(
        f"Dialogues {mark}".strip(),
        protocol=scene.frozen_protocol(rita),
        by_user=rita,
        seed=830719264501,
        **settings,
    )
    add_questions(trial, questions(rita, people, dialogues=count), by_user=rita, dialogues=True)
    for place in range(2):
        spec = {"kind": "mammovlm", "path": f"/models/{mark}{place}"}
        add_system_arm(trial, f"{mark} system {place}", by_user=rita, spec=spec)
    add_human_arm(trial, f"{mark} doctor", authors=[author], by_user=rita)
    return trial


def answer_rows(arms: Sequence[Arm], trial: Trial, mark: str = "") -> list[dict[str, Any]]:
    """Rows of an answer file as the answering module writes them, dialogues with every round."""
    rows = scene.answer_rows(arms, trial)
    dialogues = {str(q.pk): q for q in trial.trial_questions.all() if q.is_dialogue}
    for row in rows:
        row |= {"revision": mark or row["revision"]}
        if row["question"] in dialogues:
            row["rounds"] = [
                {
                    "text": f"第{place}答：{row['text']}",
                    "raw": f"{mark}第{place}答：{row['text']}<|user|>",
                    "seed": place,
                    "finish_reason": "stop",
                    "prompt_sha256": "a" * 64,
                    "seconds": 0.2,
                    "tokens": 9,
                }
                for place in range(1, len(dialogues[row["question"]].rounds) + 1)
            ]
            row["text"], row["raw"] = row["rounds"][-1]["text"], row["rounds"][-1]["raw"]
    return rows


def systems_answer(trial: Trial, rita: User, mark: str = "") -> None:
    """What the worker stores of both systems."""
    job = queue_answers(trial, by_user=rita)
    assert job is not None
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    jobs.finish(
        claimed, answer_rows(list(trial.arms.filter(kind="system").order_by("position")), trial, mark)
    )


def doctor_answers(trial: Trial, author: User) -> None:
    """The author writes every answer, dialogues turn by turn."""
    arm = trial.arms.get(kind="human")
    for question in trial.trial_questions.order_by("position"):
        if not question.is_dialogue:
            record_human_answer(arm, question, "密度为C类，请复查。", by_user=author)
            continue
        for turn in range(1, len(question.rounds) + 1):
            record_turn(arm, question, f"写的第{turn}句。请放心。", by_user=author, turn=turn, seconds=10)


def answers_file(trial: Trial, **changes: list[str]) -> list[dict[str, Any]]:
    """Rows of a file of answers; `changes` gives other turns for a position, as `q2=[...]`."""
    rows: list[dict[str, Any]] = []
    for question in trial.trial_questions.order_by("position"):
        row: dict[str, Any] = {"question": str(question.position)}
        if question.is_dialogue:
            said = [f"参考{turn}。" for turn in range(1, len(question.rounds) + 1)]
            row["turns"] = changes.get(f"q{question.position}", said)
        else:
            row["text"] = "参考。"
        rows.append(row)
    return rows


def as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as a CSV file whose turns are JSON text."""
    lines = ["question,text,turns"]
    for row in rows:
        turns = json.dumps(row["turns"], ensure_ascii=False).replace('"', '""') if "turns" in row else ""
        lines.append(f'{row["question"]},{row.get("text", "")},"{turns}"')
    return "\n".join(lines).encode()
