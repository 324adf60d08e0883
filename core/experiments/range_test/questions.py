"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, listed, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _rules(analysis: Analysis) -> Answer:
    runs = analysis.runs
    medians = runs[[name for name in runs if name.startswith("suggested_lr_")]].median()
    factor = float(medians.max() / medians.min())
    by_rule = medians.rename(lambda name: name.removeprefix("suggested_lr_"))
    words = f"By {three_digits(factor)}: {listed(by_rule)}. The lowest takes the slope on a linear axis, on which small rates stand close together."
    return Answer(0 if factor < 3 else 1 if factor <= 100 else 2, words)


def _whose_rate(analysis: Analysis) -> Answer:
    values = means(analysis, "suggested_lr_valley", "optimizer")
    words = f"Mean of the rule valley: {listed(values)}. Adam divides by the size of its gradients, so that its rate is about the size of a step."
    return Answer(["adam", "sgd"].index(str(values.idxmax())), words)


QUESTIONS = (
    Question(
        "Four rules read a rate from the same curves. By which factor do their suggestions differ?",
        ("less than 3", "3 to 100", "more than 100"),
        {"seeds": "10"},
        _rules,
    ),
    Question(
        "Adam and plain SGD on the same network. Whose suggested rate is higher?",
        ("Adam's", "SGD's"),
        {"optimizer": "adam,sgd", "seeds": "5"},
        _whose_rate,
    ),
)  # fmt: skip
