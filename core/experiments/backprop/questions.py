"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _solved(analysis: Analysis) -> Answer:
    runs = analysis.runs
    share = float(runs["solved"].mean())
    words = (
        f"{int(runs['solved'].sum())} of {len(runs)}. Same network, same data, same rule: only the first weights differ. "
        "Who tries one seed sees one of these outcomes and takes it for the truth."
    )
    return Answer(0 if share >= 0.9 else 1 if share >= 0.4 else 2, words)


def _right_answers(analysis: Analysis) -> Answer:
    frame = analysis.frame
    last = frame.iloc[-1]
    right = round(4 * float(last["accuracy"]))
    largest = float(frame[["grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2"]].max().max())
    words = (
        f"{right} of 4 are right. Every prediction is {three_digits(float(last['prediction_00']))}, and the largest gradient of the whole "
        f"training is {three_digits(largest)}: with all weights zero no hidden unit matters, so none gets a gradient."
    )
    return Answer({4: 0, 3: 1}.get(right, 2), words)


def _rates(analysis: Analysis) -> Answer:
    values = means(analysis, "solved", "base_lr")
    low, high = float(values.loc[1.0]), float(values.loc[0.1])
    words = f"At a rate of 1, {low:.0%} of the runs are solved after 1,000 epochs; at 0.1, {high:.0%}. Steps a tenth as long need more epochs."
    return Answer(0 if abs(low - high) < 0.1 else 1 if high < low else 2, words)


QUESTIONS = (
    Question(
        "Two hidden units are enough for XOR. Of 100 networks that differ only in their first weights, how many learn it?",
        ("nearly all, 90 or more", "a part, 40 to 89", "few, less than 40"),
        {"hidden": "2", "seeds": "100"},
        _solved,
    ),
    Question(
        "All weights start at exactly zero. After 1,000 epochs, how many of the four answers are right?",
        ("all four", "three", "two, as by chance"),
        {"init": "zeros"},
        _right_answers,
    ),
    Question(
        "A learning rate of 0.1 instead of 1, 1,000 epochs as before, 50 seeds. Which solves XOR more often?",
        ("about the same", "the rate of 1", "the rate of 0.1"),
        {"base_lr": "0.1,1", "seeds": "50"},
        _rates,
    ),
)  # fmt: skip
