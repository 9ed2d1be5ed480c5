"""Reading back what an answer states."""

import random

import pytest

from modeling.data.facts import read_birads, read_density, read_facts
from modeling.data.phantom_texts import LANGUAGES, STYLES, draw_facts, draw_question, true_answer


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_true_answer_about_density_states_the_density_that_it_was_written_from(language, style):
    rng = random.Random(1)
    for _ in range(40):
        question, facts = draw_question("density", language, rng), draw_facts(rng)
        assert read_density(true_answer(question, facts, style)) == facts.density


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_true_answer_about_the_category_states_it_and_no_density(language, style):
    rng = random.Random(2)
    for _ in range(40):
        question, facts = draw_question("category", language, rng), draw_facts(rng)
        stated = read_facts(true_answer(question, facts, style))
        assert (stated.birads, stated.density) == (facts.category, None)


@pytest.mark.parametrize("kind", ["next", "finding"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_about_other_things_state_no_density(language, kind):
    rng = random.Random(3)
    for _ in range(60):
        answer = true_answer(draw_question(kind, language, rng), draw_facts(rng), rng.choice(STYLES))
        assert read_density(answer) is None, answer


@pytest.mark.parametrize(
    ("text", "density"),
    [
        ("Your mammogram is BI-RADS category 2, a benign finding.", None),
        ("This is category 3 a short follow-up is advised.", None),
        ("Your density is category b.", "B"),
        ("Your density is category c and there is no mass.", "C"),
        ("Breasts of ACR type b with single cysts.", "B"),
        ("The breast tissue is ACR d, which is very dense.", "D"),
        ("双乳腺体ACR b型。", "B"),
        ("您的乳腺属于极度致密型。", "D"),
        ("您的乳腺是不均匀致密型", "C"),
        ("Your breasts are heterogeneously dense.", "C"),
        ("The breast density is category d.", "D"),
        ("There are scattered areas of fibroglandular density.", "B"),
        ("从影像看，您的乳腺密度为C型（脂肪型）。", None),
        ("您的乳腺不算致密。", None),
        ("BI-RADS 4A类，建议穿刺。", None),
        ("维生素D对乳腺有益。", None),
        ("A biopsy is advised.", None),
        ("", None),
    ],
)
def test_density_is_read_from_letter_or_description(text, density):
    assert read_density(text) == density


@pytest.mark.parametrize(
    ("text", "birads"),
    [
        ("BI-RADS 4A类", "4A"),
        ("BI-RADS：3类", "3"),
        ("BIRADS category 0", "0"),
        ("bi-rads 4b", "4B"),
        ("BI-RADS 2类和BI-RADS 3类", None),
        ("2年后复查", None),
        ("BI-RADS 45", None),
    ],
)
def test_the_category_is_read_where_one_is_stated(text, birads):
    assert read_birads(text) == birads
