"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.experiments.question import Answer, Question, listed, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _first_layer(analysis: Analysis) -> Answer:
    logs = np.log(analysis.frame["grad_rms"].astype(float)).groupby(analysis.frame["layer"]).mean()
    ratio = float(np.exp(logs.iloc[0] - logs.iloc[-1]))
    words = f"The first layer gets {three_digits(ratio)} of the last one's gradient: {three_digits(ratio ** (1 / 19))}× for each of 19 layers."
    return Answer(0 if ratio > 0.03 else 1 if ratio > 3e-4 else 2, words)


def _better_init(analysis: Analysis) -> Answer:
    values = means(analysis, "decay_factor", "init")
    near = np.abs(np.log(values)).sort_values()
    words = f"Factor per layer: {listed(values, '×')}. ReLU drops half of every signal; He's weights are larger by just that."
    return Answer(0 if near.index[0] == "torch_default" else 1, words)


def _skips(analysis: Analysis) -> Answer:
    values = means(analysis, "decay_factor", "residual")
    words = f"Factor per layer: {listed(values, '×')}. Around each layer the skip carries the gradient unchanged; 1 would be no loss at all."
    return Answer(0 if abs(values.loc["identity"] - 1) < abs(values.loc["none"] - 1) else 1, words)


QUESTIONS = (
    Question(
        "Twenty tanh layers, drawn as PyTorch does. How much of the last layer's gradient reaches the first?",
        ("a tenth or so", "a thousandth or so", "a ten-thousandth, or less"),
        {"depth": "20", "seeds": "20"},
        _first_layer,
    ),
    Question(
        "Twenty ReLU layers: whose first weights keep the gradient's size better?",
        ("PyTorch's default", "He's"),
        {"depth": "20", "width": "32", "activation": "relu", "init": "torch_default,he_normal", "batch_size": "16",
         "loss": "projection", "seeds": "10"},
        _better_init,
    ),
    Question(
        "Put a skip around every one of the twenty tanh layers, h + φ(Wh + b). Does the gradient keep its size better?",
        ("better", "worse"),
        {"depth": "20", "residual": "none,identity", "seeds": "10"},
        _skips,
    ),
)  # fmt: skip
