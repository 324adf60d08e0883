"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _single_change(analysis: Analysis) -> Answer:
    values = means(analysis, "final_val_accuracy", "remedy")
    words = "Validation accuracy: " + ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return Answer(
        list(values.index).index(values.idxmax()),  # the choices stand in the order of the sweep
        f"{words}. A factor of at most 1, as clipping's, makes nothing larger.",
    )


def _norm_growth(analysis: Analysis) -> Answer:
    factor = float(means(analysis, "decay_factor", "remedy").iloc[0])
    words = f"Each layer towards the input multiplies it by {three_digits(factor)}; theory says √(π/(π−1)) = 1.21. The norm cures vanishing and explodes, slowly."
    return Answer(0 if factor < 0.95 else 1 if factor < 1.05 else 2, words)


QUESTIONS = (
    Question(
        "Ten sigmoid layers do not learn handwritten digits. Which single change helps most?",
        ("a skip around every layer", "He's initialization", "clipping the gradient's norm at 1"),
        {"remedy": "skip,he,clipping", "depth": "10", "epochs": "5", "seeds": "3"},
        _single_change,
    ),
    Question(
        "BatchNorm in twenty plain ReLU layers, before any training. Towards the input, the gradient …",
        ("shrinks", "keeps its size", "grows"),
        {"remedy": "batch_norm", "epochs": "1", "seeds": "3"},
        _norm_growth,
    ),
)  # fmt: skip
