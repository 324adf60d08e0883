"""One run of ``backprop`` looked at closely: its network at some epochs, and every number of one step.

``film`` and ``three_ways`` run in a worker, since they need torch; all else is NumPy on what they return.
"""

from __future__ import annotations

import inspect
from copy import copy
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.engine.by_hand import Backward, Forward, SimpleNeuralNet, compute_loss, sigmoid
from core.settings import Run

Array = np.ndarray
TENSORS = ("W1", "b1", "W2", "b2")
FRAMES = 50  # of a film, evenly over its epochs, beside the first few
EARLY = (1, 2, 5, 10)
NUDGE = 1e-6  # h of a finite difference: its error is about h², or h where φ' has a corner, that of rounding 1e-16/h
GRID = 41  # points of a decision boundary's map, each way
LARGEST = 64  # hidden units and inputs up to which every number of a step can be looked at


class Film(NamedTuple):
    """A run's networks at ``epochs`` (K,), and what was measured at all epochs.

    kept      tensor -> (K, ...)
    measured  name -> (epochs + 1,)
    X, y      the examples, (m, D) and (m, 1)
    """

    epochs: Array
    kept: dict[str, Array]
    measured: dict[str, Array]
    X: Array
    y: Array
    activation: str

    def network(self, epoch: int) -> SimpleNeuralNet:
        """The network before the update of a kept epoch."""
        (position,) = np.flatnonzero(self.epochs == epoch)
        return SimpleNeuralNet(**{name: self.kept[name][position] for name in TENSORS}, activation=self.activation)


class Starts(NamedTuple):
    """Networks alike but for their first weights: the course of some with two hidden units, how all of them end."""

    frame: pd.DataFrame
    runs: pd.DataFrame


class Step(NamedTuple):
    """One step of training: the network, the examples it looks at, and every intermediate, forward and back."""

    network: SimpleNeuralNet
    X: Array
    y: Array
    forward: Forward
    backward: Backward
    loss: float


def kept_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs that a film of so many shows: the first, a few early ones, then evenly up to the last."""
    even = np.linspace(0, epochs, FRAMES + 1).round().astype(int)
    return tuple(sorted({*even.tolist(), *(epoch for epoch in EARLY if epoch <= epochs)}))


def film(run: Run) -> Film:
    """The film of one run, trained again in a worker."""
    from core.engine.by_hand_stack import training_record
    from core.experiments.backprop.compute import stack_of
    from core.parts.datasets import all_rows

    stack = stack_of([run])
    epochs = kept_epochs(stack.epochs)
    record = training_record(stack, epochs)
    inputs, labels = all_rows(stack.dataset)
    return Film(
        np.array(epochs),
        {name: values[0] for name, values in record.snapshots.items()},
        {name: values[0] for name, values in record.measured.items()},
        inputs.astype(float),
        labels.astype(float)[:, None],
        stack.activation,
    )


def network_source() -> str:
    """The whole network in NumPy, to be read from top to bottom."""
    from core.engine import by_hand

    return inspect.getsource(by_hand)


@cache
def many_starts() -> Starts:
    """Fifty seeds each of networks with 2, 3, 4 and 8 hidden units on XOR, trained in a worker, once in its life."""
    from core.experiments import experiment

    kind = experiment("backprop")
    frame = kind.measured(kind.sweep({"hidden": "2,3,4,8", "seeds": "50"}))
    few = frame[(frame["hidden"] == 2) & (frame["seed"] < 20)]
    runs = kind.analysis(frame).runs
    return Starts(few, runs.sort_values(["hidden", "seed"], ignore_index=True))


def step_of(network: SimpleNeuralNet, X: Array, y: Array) -> Step:
    """Everything that one step computes on these examples."""
    way = network.forward(X)
    return Step(network, X, y, way, network.backward(X, y, way), float(compute_loss(way.z2, y)))


def parameter_names(network: SimpleNeuralNet) -> dict[tuple[str, int, int], str]:
    """Every parameter, as (tensor, row, column), with its name for people."""
    D, H = network.W1.shape
    names = {("W1", i, j): f"input {i + 1} → hidden {j + 1}" for i in range(D) for j in range(H)}
    names |= {("b1", 0, j): f"bias of hidden {j + 1}" for j in range(H)}
    names |= {("W2", j, 0): f"hidden {j + 1} → output" for j in range(H)}
    return names | {("b2", 0, 0): "bias of the output"}


def central_differences(network: SimpleNeuralNet, X: Array, y: Array) -> dict[str, Array]:
    """(L(w + h) − L(w − h)) / 2h for every parameter w: the definition of a gradient, taken at its word."""
    found = {}
    for name in TENSORS:
        values = getattr(network, name)
        slopes = np.zeros_like(values)
        for place in np.ndindex(*values.shape):
            h = NUDGE * max(1.0, abs(values[place]))
            losses = []
            for moved in (values[place] + h, values[place] - h):
                nudged = values.copy()
                nudged[place] = moved
                near = copy(network)
                setattr(near, name, nudged)
                losses.append(float(compute_loss(near.forward(X).z2, y)))
            slopes[place] = (losses[0] - losses[1]) / (2 * h)
        found[name] = slopes
    return found


def three_ways(network: SimpleNeuralNet, X: Array, y: Array) -> pd.DataFrame:
    """``tensor row column name value by_hand autograd difference``: each gradient by hand, by PyTorch, by definition."""
    from core.engine.autograd_check import autograd

    backward = step_of(network, X, y).backward
    machine, slopes = autograd(network, X, y), central_differences(network, X, y)
    rows = [
        {
            "tensor": tensor,
            "row": row,
            "column": column,
            "name": name,
            "value": getattr(network, tensor)[row, column],
            "by_hand": getattr(backward, f"d{tensor}")[row, column],
            "autograd": machine[tensor][row, column],
            "difference": slopes[tensor][row, column],
        }
        for (tensor, row, column), name in parameter_names(network).items()
    ]
    return pd.DataFrame(rows)


def on_a_kink(step: Step) -> bool:
    """Whether a hidden unit stands where φ has a corner, so that a finite difference straddles two slopes."""
    part = step.network.activation
    sides = part.entry.at_zero(**part.arguments)
    bent = sides is not None and sides[0] != sides[1]
    return bent and bool((np.abs(step.forward.z1) < 10 * NUDGE).any())


def paths(step: Step, tensor: str, row: int, column: int) -> pd.DataFrame:
    """The chain rule for one parameter: a row per example, its local derivatives, and their product.

    Every example is a path from the parameter to the loss; the gradient is the mean of their products.
    Columns: ``example`` (from 1), the local derivatives in order from the loss back, ``product``.
    """
    network, way, y = step.network, step.forward, step.y
    z2 = way.z2[:, 0]
    sign = np.where(y[:, 0] > 0.5, 1.0, -1.0)
    links = {
        # −1/a₂ where the answer is 1, 1/(1 − a₂) where it is 0; from z₂, so that a₂ = 1 does not divide by zero
        "∂ℓ/∂a₂": -sign * (1 + np.exp(-sign * z2)),
        "∂a₂/∂z₂": sigmoid(z2) * sigmoid(-z2),
    }
    if tensor == "W2":
        links[f"∂z₂/∂w = a₁[{row + 1}]"] = way.a1[:, row]
    elif tensor == "b2":
        links["∂z₂/∂b"] = np.ones(len(z2))
    else:
        links[f"∂z₂/∂a₁ = W₂[{column + 1}]"] = np.full(len(z2), network.W2[column, 0])
        links["∂a₁/∂z₁ = φ'"] = network.phi_slope(way.z1)[:, column]
        if tensor == "W1":
            links[f"∂z₁/∂w = x[{row + 1}]"] = step.X[:, row]
        else:
            links["∂z₁/∂b"] = np.ones(len(z2))
    table = pd.DataFrame(links)
    return table.assign(product=table.prod(axis=1)).assign(example=np.arange(1, len(z2) + 1))[
        ["example", *links, "product"]
    ]


def ranked(step: Step) -> pd.DataFrame:
    """``name value gradient size``: the parameters, the one that moves the loss most first."""
    rows = [
        {"name": name, "value": getattr(step.network, tensor)[row, column], "gradient": gradient}
        for (tensor, row, column), name in parameter_names(step.network).items()
        if np.isfinite(gradient := getattr(step.backward, f"d{tensor}")[row, column])
    ]
    table = pd.DataFrame(rows, columns=["name", "value", "gradient"])
    return table.assign(size=table["gradient"].abs()).sort_values("size", ascending=False, kind="stable")


def prediction_map(network: SimpleNeuralNet, X: Array) -> pd.DataFrame:
    """``x1 x2 prediction`` on a square grid around the examples, which have two inputs; with each cell's far corner."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.25 * (high - low)
    axes = [np.linspace(low[d] - margin[d], high[d] + margin[d], GRID) for d in (0, 1)]
    x1, x2 = (grid.ravel() for grid in np.meshgrid(*axes))
    half = [0.6 * (axis[1] - axis[0]) for axis in axes]  # cells overlap a little, so that no seams show
    prediction = network.forward(np.stack([x1, x2], axis=1)).a2[:, 0]
    return pd.DataFrame(
        {
            "x1": x1 - half[0], "x1_end": x1 + half[0], "x2": x2 - half[1], "x2_end": x2 + half[1],
            "prediction": prediction,
        }
    )  # fmt: skip
