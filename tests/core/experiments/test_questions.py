"""Questions to predict: every answer is read off a run, and names one of the choices."""

import pytest

import core

QUESTIONS = {name: core.experiment(name).questions() for name in core.NAMES}
CASES = [(name, number) for name, asked in QUESTIONS.items() for number in range(len(asked))]
TRUE = {  # what is known to happen
    ("backprop", 0): 1, ("backprop", 1): 2, ("backprop", 2): 1,
    ("vanishing", 0): 2, ("vanishing", 1): 1, ("vanishing", 2): 0,
    ("through_time", 0): 0, ("clipping", 0): 0, ("clipping", 1): 0, ("schedulers", 1): 1,
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_experiment_has_two_or_three_questions_with_choices(name):
    assert name in core.NAMES
    assert 2 <= len(QUESTIONS[name]) <= 3
    for question in QUESTIONS[name]:
        assert len(set(question.choices)) == len(question.choices) >= 2
        assert core.experiment(name).sweep(question.settings).points


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_explanation_has_a_formula_what_to_try_next_and_a_source(name):
    story = core.experiment(name).explanation
    assert "$$" in story
    assert "**What to try next.**" in story
    assert "arXiv" in story or "Source" in story


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), CASES)
def test_an_answer_is_drawn_from_the_run(name, number, tmp_path):
    question = QUESTIONS[name][number]
    frame = core.run(name, executor="inline", store=str(tmp_path / "store.sqlite"), **question.settings)
    answer = question.answer(core.experiment(name).analysis(frame))
    assert 0 <= answer.choice < len(question.choices)
    assert answer.choice == TRUE.get((name, number), answer.choice), answer.words
    assert "nan" not in answer.words
