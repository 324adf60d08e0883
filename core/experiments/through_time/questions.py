"""What to predict before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.question import Answer, Question, listed, means
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis


def _gain(analysis: Analysis) -> Answer:
    values = means(analysis, "decay_factor", "gain")
    factor = float(values.iloc[0])
    words = f"Each step back in time multiplies the gradient by {three_digits(factor)}: over 49 steps by {three_digits(factor**49)}."
    return Answer(0 if factor > 1.02 else 1 if factor < 0.98 else 2, words)


def _models(analysis: Analysis) -> Answer:
    values = means(analysis, "decay_factor", "model")
    words = f"Factor per step, before any training: {listed(values, '×')}. Gates start half open: an LSTM can learn to remember, it does not start that way."
    return Answer(["rnn", "lstm", "gru"].index(str((values - 1).abs().idxmin())), words)


QUESTIONS = (
    Question(
        "A recurrent tanh network over 50 steps, its recurrent weights orthogonal times 1.5. Going back in time, the gradient …",
        ("explodes", "fades", "keeps its size"),
        {"gain": "1.5", "seeds": "10"},
        _gain,
    ),
    Question(
        "Which cell, before any training, changes its gradient least per time step?",
        ("the plain rnn", "the LSTM", "the GRU"),
        {"model": "rnn,lstm,gru", "seeds": "10"},
        _models,
    ),
)  # fmt: skip
