"""Stacks of the lesson's network: drawn as every other run is drawn, trained side by side, measured at every epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.engine import draws
from core.engine.by_hand import Forward, SimpleNeuralNet, compute_loss
from core.parts.datasets import TRUTH_TABLES, Dataset, all_rows
from core.parts.inits import INITS
from core.registry import Part

TENSORS = ("W1", "b1", "W2", "b2")


class Member(NamedTuple):
    """What a run of a stack has for itself."""

    init: str
    base_lr: float
    seed: int


class Stack(NamedTuple):
    """Runs of one shape: their data, their network, how long they train."""

    dataset: Part[Dataset]
    hidden: int
    activation: str
    epochs: int
    members: tuple[Member, ...]


class Record(NamedTuple):
    """What a stack's training gives.

    measured   name -> (R, epochs + 1); NaN from the epoch on at which a run's loss is not finite
    snapshots  tensor -> (R, K, ...), the parameters at the epochs that were asked for
    """

    measured: dict[str, np.ndarray]
    snapshots: dict[str, np.ndarray]


def networks(stack: Stack, features: int) -> SimpleNeuralNet:
    """The stack's networks before training, as one; weights (R, fan_in, fan_out), drawn in float32."""
    tensors: list[np.ndarray] = []
    for layer, (fan_out, fan_in) in enumerate(((stack.hidden, features), (1, stack.hidden)), start=1):
        weights, biases = [], []
        for member in stack.members:
            part = INITS.parse(member.init)
            generator = draws.generator(member.seed, "weight", layer)
            weights.append(part.entry.weight(generator, fan_out, fan_in, **part.arguments).double().numpy().T)
            bias = np.zeros(fan_out)
            if part.entry.bias is not None:
                generator = draws.generator(member.seed, "bias", layer)
                bias = part.entry.bias(generator, fan_out, fan_in, **part.arguments).double().numpy()
            biases.append(bias[None, :])
        tensors += [np.stack(weights), np.stack(biases)]
    W1, b1, W2, b2 = tensors
    return SimpleNeuralNet(W1, b1, W2, b2, stack.activation)


def training_record(stack: Stack, snapshot_epochs: tuple[int, ...] = ()) -> Record:
    """Full-batch gradient descent on all rows, measured before every update and after the last."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _training_record(stack, snapshot_epochs)


def _training_record(stack: Stack, snapshot_epochs: tuple[int, ...]) -> Record:
    inputs, labels = all_rows(stack.dataset)
    X, y = inputs.astype(float), labels.astype(float)[:, None]
    network = networks(stack, X.shape[1])
    lr = np.array([member.base_lr for member in stack.members])[:, None, None]
    gate = stack.dataset.entry.name in TRUTH_TABLES
    measures: dict[str, np.ndarray] = {}
    snapshots: dict[str, list[np.ndarray]] = {name: [] for name in TENSORS}
    for epoch in range(stack.epochs + 1):
        cache = network.forward(X)
        gradients = network.backward(X, y, cache)
        row = _epoch_measures(cache, y, gate) | {
            f"grad_norm_{name.lower()}": _norm(getattr(gradients, f"d{name}")) for name in TENSORS
        }
        if not measures:
            measures = {name: np.empty((len(stack.members), stack.epochs + 1)) for name in row}
        for name, values in row.items():
            measures[name][:, epoch] = values
        if epoch in snapshot_epochs:
            for name in TENSORS:
                snapshots[name].append(getattr(network, name))
        network.update(gradients, lr)
    lost = np.logical_or.accumulate(~np.isfinite(measures["train_loss"]), axis=1)
    measures = {name: np.where(lost, np.nan, values) for name, values in measures.items()}
    return Record(measures, {name: np.stack(values, axis=1) for name, values in snapshots.items() if values})


def _epoch_measures(cache: Forward, y: np.ndarray, gate: bool) -> dict[str, np.ndarray]:
    """Loss, accuracy and, of a truth table, the four predictions; each (R,)."""
    right = (cache.z2 > 0) == (y > 0.5)  # a prediction above 1/2 is class 1
    missing = np.full(len(cache.a2), np.nan)
    predictions = {
        f"prediction_{bits}": cache.a2[:, row, 0] if gate else missing
        for row, bits in enumerate(("00", "01", "10", "11"))
    }
    return {"train_loss": compute_loss(cache.z2, y), "accuracy": right.mean(axis=(-2, -1)), **predictions}


def _norm(gradient: np.ndarray) -> np.ndarray:
    """Euclidean norm per run."""
    return np.sqrt((gradient * gradient).sum(axis=(-2, -1)))
