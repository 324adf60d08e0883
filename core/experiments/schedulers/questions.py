"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, listed, lowest, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _schedule(analysis: Analysis) -> Answer:
    values = means(analysis, "final_val_loss", "scheduler")
    words = f"Mean validation loss at the end: {listed(values)}. With few seeds such differences may be chance: look at the intervals."
    return Answer(["plateau", "cosine", "one_cycle"].index(lowest(values)), words)


def _per_epoch(analysis: Analysis) -> Answer:
    highest = analysis.frame.groupby("scheduler")["lr"].max()
    wrong, right = float(highest.loc['one_cycle(per="epoch")']), float(highest.loc["one_cycle"])
    words = f"Stepped per batch the rate climbs to {three_digits(right)}; stepped per epoch it gets no further than {three_digits(wrong)}: a sliver of its course."
    return Answer(0 if wrong > 0.9 * right else 1, words)


QUESTIONS = (
    Question(
        "On handwritten digits, same network, same base rate, 5 seeds: who ends with the lowest validation loss?",
        ("plateau", "cosine", "one-cycle"),
        {"scheduler": "plateau,cosine,one_cycle", "seeds": "5"},
        _schedule,
    ),
    Question(
        "One-cycle is stepped once an epoch instead of once a batch, a common mistake. How high does the rate get?",
        ("as high as it should", "hardly off the start"),
        {"scheduler": 'one_cycle,one_cycle(per="epoch")', "epochs": "10"},
        _per_epoch,
    ),
)  # fmt: skip
