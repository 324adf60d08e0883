"""Predict, then run: questions for each experiment's page, whose answers are read off a run, never written down.

A question names a small sweep, the predictions to choose from, and a function of the sweep's frame that says which of
them came true, with the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from core.experiments import experiment
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd


class Answer(NamedTuple):
    """Which of the choices came true, by its number from 0, and what was measured, in a sentence or two."""

    choice: int
    words: str


class Question(NamedTuple):
    """What to predict before the run; ``answer`` is a function of the finished sweep's frame."""

    ask: str
    choices: tuple[str, ...]
    settings: Mapping[str, str]
    answer: Callable[[pd.DataFrame], Answer]


def _means(name: str, frame: pd.DataFrame, measure: str, by: str) -> pd.Series:
    """A measure's mean over seeds by the values of one setting."""
    summary = experiment(name).summary(frame)
    own = summary[summary["measure"] == measure]
    return own.set_index(by)["mean"].astype(float)


def _lowest(means: pd.Series) -> str:
    return str(means.idxmin()) if means.notna().any() else str(means.index[0])


def _listed(means: pd.Series, unit: str = "") -> str:
    return ", ".join(f"{name} {three_digits(value)}{unit}" for name, value in means.items())


def _solved(frame: pd.DataFrame) -> Answer:
    runs = experiment("backprop").run_summary(frame)
    share = float(runs["solved"].mean())
    words = (
        f"{int(runs['solved'].sum())} of {len(runs)}. Same network, same data, same rule: only the first weights differ. "
        "Who tries one seed sees one of these outcomes and takes it for the truth."
    )
    return Answer(0 if share >= 0.9 else 1 if share >= 0.4 else 2, words)


def _right_answers(frame: pd.DataFrame) -> Answer:
    last = frame.iloc[-1]
    right = round(4 * float(last["accuracy"]))
    largest = float(frame[["grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2"]].max().max())
    words = (
        f"{right} of 4 are right. Every prediction is {three_digits(float(last['prediction_00']))}, and the largest gradient of the whole "
        f"training is {three_digits(largest)}: with all weights zero no hidden unit matters, so none gets a gradient."
    )
    return Answer({4: 0, 3: 1}.get(right, 2), words)


def _rates(frame: pd.DataFrame) -> Answer:
    means = _means("backprop", frame, "solved", "base_lr")
    low, high = float(means.loc[1.0]), float(means.loc[0.1])
    words = f"At a rate of 1, {low:.0%} of the runs are solved after 1,000 epochs; at 0.1, {high:.0%}. Steps a tenth as long need more epochs."
    return Answer(0 if abs(low - high) < 0.1 else 1 if high < low else 2, words)


def _first_layer(frame: pd.DataFrame) -> Answer:
    import numpy as np

    logs = np.log(frame["grad_rms"].astype(float)).groupby(frame["layer"]).mean()
    ratio = float(np.exp(logs.iloc[0] - logs.iloc[-1]))
    words = f"The first layer gets {three_digits(ratio)} of the last one's gradient: {three_digits(ratio ** (1 / 19))}× for each of 19 layers."
    return Answer(0 if ratio > 0.03 else 1 if ratio > 3e-4 else 2, words)


def _better_init(frame: pd.DataFrame) -> Answer:
    import numpy as np

    means = _means("vanishing", frame, "decay_factor", "init")
    near = np.abs(np.log(means)).sort_values()
    words = f"Factor per layer: {_listed(means, '×')}. ReLU drops half of every signal; He's weights are larger by just that."
    return Answer(0 if near.index[0] == "torch_default" else 1, words)


def _skips(frame: pd.DataFrame) -> Answer:
    means = _means("vanishing", frame, "decay_factor", "residual")
    words = f"Factor per layer: {_listed(means, '×')}. Around each layer the skip carries the gradient unchanged; 1 would be no loss at all."
    return Answer(0 if abs(means.loc["identity"] - 1) < abs(means.loc["none"] - 1) else 1, words)


def _gain(frame: pd.DataFrame) -> Answer:
    means = _means("through_time", frame, "decay_factor", "gain")
    factor = float(means.iloc[0])
    words = f"Each step back in time multiplies the gradient by {three_digits(factor)}: over 49 steps by {three_digits(factor**49)}."
    return Answer(0 if factor > 1.02 else 1 if factor < 0.98 else 2, words)


def _models(frame: pd.DataFrame) -> Answer:
    means = _means("through_time", frame, "decay_factor", "model")
    words = f"Factor per step, before any training: {_listed(means, '×')}. Gates start half open: an LSTM can learn to remember, it does not start that way."
    return Answer(["rnn", "lstm", "gru"].index(str((means - 1).abs().idxmin())), words)


def _clipping(frame: pd.DataFrame) -> Answer:
    means = _means("clipping", frame, "failed", "clipper")
    words = f"Runs that fail: without clipping {means.loc['none']:.0%}, with it {means.loc['norm']:.0%}."
    gain = float(means.loc["none"] - means.loc["norm"])
    return Answer(0 if gain > 0.1 else 2 if gain < -0.1 else 1, words)


def _tight(frame: pd.DataFrame) -> Answer:
    summary = experiment("clipping").summary(frame)
    own = summary[summary["measure"] == "final_val_loss"].set_index(["optimizer", "clipper"])["mean"].astype(float)
    cost = {name: float(own.loc[name, "norm(max_norm=0.01)"] / own.loc[name, "none"]) for name in ("sgd", "adam")}
    words = f"The tight threshold multiplies the final validation loss by {three_digits(cost['sgd'])} for SGD, {three_digits(cost['adam'])} for Adam, which divides by the size of its gradients and so hardly sees a constant factor."
    return Answer(0 if cost["sgd"] > 1.1 * cost["adam"] else 1 if cost["adam"] > 1.1 * cost["sgd"] else 2, words)


def _schedule(frame: pd.DataFrame) -> Answer:
    means = _means("schedulers", frame, "final_val_loss", "scheduler")
    words = f"Mean validation loss at the end: {_listed(means)}. With few seeds such differences may be chance: look at the intervals."
    return Answer(["plateau", "cosine", "one_cycle"].index(_lowest(means)), words)


def _per_epoch(frame: pd.DataFrame) -> Answer:
    highest = frame.groupby("scheduler")["lr"].max()
    wrong, right = float(highest.loc['one_cycle(per="epoch")']), float(highest.loc["one_cycle"])
    words = f"Stepped per batch the rate climbs to {three_digits(right)}; stepped per epoch it gets no further than {three_digits(wrong)}: a sliver of its course."
    return Answer(0 if wrong > 0.9 * right else 1, words)


def _single_change(frame: pd.DataFrame) -> Answer:
    means = _means("remedies", frame, "final_val_accuracy", "remedy")
    words = "Validation accuracy: " + ", ".join(f"{name} {value:.0%}" for name, value in means.items())
    return Answer(
        ["skip", "he", "clipping"].index(str(means.idxmax())),
        f"{words}. A factor of at most 1, as clipping's, makes nothing larger.",
    )


def _norm_growth(frame: pd.DataFrame) -> Answer:
    factor = float(_means("remedies", frame, "decay_factor", "remedy").iloc[0])
    words = f"Each layer towards the input multiplies it by {three_digits(factor)}; theory says √(π/(π−1)) = 1.21. The norm cures vanishing and explodes, slowly."
    return Answer(0 if factor < 0.95 else 1 if factor < 1.05 else 2, words)


def _rules(frame: pd.DataFrame) -> Answer:
    runs = experiment("range_test").run_summary(frame)
    medians = runs[[name for name in runs if name.startswith("suggested_lr_")]].median()
    factor = float(medians.max() / medians.min())
    found = medians.rename(lambda name: name.removeprefix("suggested_lr_"))
    words = f"By {three_digits(factor)}: {_listed(found)}. The lowest takes the slope on a linear axis, on which small rates stand close together."
    return Answer(0 if factor < 3 else 1 if factor <= 100 else 2, words)


def _whose_rate(frame: pd.DataFrame) -> Answer:
    means = _means("range_test", frame, "suggested_lr_valley", "optimizer")
    words = f"Mean of the rule valley: {_listed(means)}. Adam divides by the size of its gradients, so that its rate is about the size of a step."
    return Answer(["adam", "sgd"].index(str(means.idxmax())), words)


QUESTIONS: dict[str, tuple[Question, ...]] = {
    "backprop": (
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
    ),
    "vanishing": (
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
    ),
    "through_time": (
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
    ),
    "clipping": (
        Question(
            "A recurrent network with weights a little too large, at a learning rate of 0.06. Does clipping the norm at 1 save runs?",
            ("yes, clearly", "it makes no difference", "it loses some"),
            {"clipper": "none,norm", "init": "orthogonal(gain=1.2)", "base_lr": "0.06", "seeds": "6"},
            _clipping,
        ),
        Question(
            "A threshold of 0.01 clips every step. Which optimizer does that slow more?",
            ("SGD", "Adam", "both alike"),
            {"model": "mlp", "dataset": "digits", "clipper": "none,norm(max_norm=0.01)", "optimizer": "sgd,adam",
             "base_lr": "0.03", "epochs": "10", "seeds": "3"},
            _tight,
        ),
    ),
    "remedies": (
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
    ),
    "range_test": (
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
    ),
    "schedulers": (
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
    ),
}  # fmt: skip
