"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _costs(analysis: Analysis) -> dict[str, float]:
    """The mean price in points of accuracy by mistake."""
    rows = analysis.summary[analysis.summary["measure"] == "accuracy_cost"].dropna(subset=["mean"])
    return {str(row["mistake"]): 100.0 * float(row["mean"]) for _, row in rows.iterrows()}


def _dearest(analysis: Analysis) -> Answer:
    costs = _costs(analysis)
    names = ["softmax_then_cross_entropy", "sorted_by_class", "one_cycle_per_epoch"]
    words = f"Points of accuracy: {', '.join(f'{name} {three_digits(costs[name])}' for name in names)}."
    return Answer(max(range(3), key=lambda index: costs[names[index]]), words)


def _four_times(analysis: Analysis) -> Answer:
    cost = _costs(analysis)["accumulation_not_divided"]
    words = (
        f"A mean price of {three_digits(cost)} points: undivided losses are a learning rate four times as high. What that does depends "
        "on the rate that was there: try base_lr=0.1."
    )
    return Answer(0 if cost > 0 else 1, words)


QUESTIONS = (
    Question(
        "Three wrong lines, each beside its right loop, 10 seeds: which costs most accuracy on handwritten digits?",
        ("softmax before cross-entropy", "rows sorted by class", "one-cycle stepped once an epoch"),
        {"mistake": "none,softmax_then_cross_entropy,sorted_by_class,one_cycle_per_epoch", "seeds": "10"},
        _dearest,
    ),
    Question(
        "Four micro-batches are added up and not divided, at a learning rate of 0.01. Does the wrong loop end worse?",
        ("yes", "no"),
        {"mistake": "none,accumulation_not_divided", "seeds": "10"},
        _four_times,
    ),
)  # fmt: skip
