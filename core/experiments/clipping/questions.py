"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _clipping(analysis: Analysis) -> Answer:
    values = means(analysis, "failed", "clipper")
    words = f"Runs that fail: without clipping {values.loc['none']:.0%}, with it {values.loc['norm']:.0%}."
    gain = float(values.loc["none"] - values.loc["norm"])
    return Answer(0 if gain > 0.1 else 2 if gain < -0.1 else 1, words)


def _tight(analysis: Analysis) -> Answer:
    summary = analysis.summary
    own = summary[summary["measure"] == "final_val_loss"].set_index(["optimizer", "clipper"])["mean"].astype(float)
    cost = {name: float(own.loc[name, "norm(max_norm=0.01)"] / own.loc[name, "none"]) for name in ("sgd", "adam")}
    words = f"The tight threshold multiplies the final validation loss by {three_digits(cost['sgd'])} for SGD, {three_digits(cost['adam'])} for Adam, which divides by the size of its gradients and so hardly sees a constant factor."
    return Answer(0 if cost["sgd"] > 1.1 * cost["adam"] else 1 if cost["adam"] > 1.1 * cost["sgd"] else 2, words)


QUESTIONS = (
    Question(
        "A recurrent network with weights a little too large, at a learning rate of 0.1. Does clipping the norm at 1 save runs?",
        ("yes, clearly", "it makes no difference", "it loses some"),
        {"clipper": "none,norm", "dataset": "adding(length=10)", "init": "orthogonal(gain=1.2)", "base_lr": "0.1",
         "seeds": "6"},
        _clipping,
    ),
    Question(
        "A threshold of 0.01 clips every step. Which optimizer does that slow more?",
        ("SGD", "Adam", "both alike"),
        {"model": "mlp", "dataset": "digits", "clipper": "none,norm(max_norm=0.01)", "optimizer": "sgd,adam",
         "base_lr": "0.03", "epochs": "10", "seeds": "3"},
        _tight,
    ),
)  # fmt: skip
