"""Per-layer profiles: seeds folded together, and how fast gradients change from layer to layer.

Works on any frame that has rows per layer: the settings' columns, ``seed step layer`` and the measures of a layer.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.points import Points

MEANS = ("saturated", "dead", "underflow", "weight_rms", "activation_rms", "train_loss", "update_ratio")


def root_mean_square(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """√mean(x²) of what is finite, for numbers whose squares underflow too; NaN where nothing is."""
    finite = np.where(np.isfinite(values), values, math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = np.nanmax(np.where(np.isnan(finite), 0.0, np.abs(finite)), axis=axis, keepdims=True, initial=0.0)
        scaled = np.where(largest > 0, finite / np.where(largest > 0, largest, 1.0), finite)
        count = np.isfinite(finite).sum(axis)
        total = np.where(np.isnan(scaled), 0.0, scaled**2).sum(axis)
        return np.where(count > 0, np.squeeze(largest, axis) * np.sqrt(total / count), math.nan)


def layer_profile(frame: pd.DataFrame, points: Points) -> pd.DataFrame:
    """One row per point, step and layer: what the seeds have in common; ``frame`` may be part of that of ``points``.

    Columns: the settings, ``label step layer n``, ``grad_rms`` (root mean square over seeds, as theory predicts it),
    ``grad_low grad_high`` (10th and 90th percentile over seeds), ``theory_grad_rms``, and the means of ``MEANS``.
    """
    number, table = points[0].loc[frame.index], points[1]
    measures = ("grad_rms", "theory_grad_rms", *MEANS)
    numbers = {name: pd.to_numeric(frame[name], errors="coerce").astype(float) for name in measures}
    numbers["grad_rms"] = numbers["grad_rms"].where(np.isfinite(numbers["grad_rms"]))
    data = pd.DataFrame({"point": number, "step": frame["step"], "layer": frame["layer"], **numbers})
    keys = ["point", "step", "layer"]
    cell = data.groupby(keys, sort=False).ngroup()  # one number for three keys, looked up once for all that follows
    grouped = data.groupby(cell, sort=False)
    largest = grouped["grad_rms"].transform("max")
    data["square"] = (data["grad_rms"] / largest.where(largest > 0)) ** 2  # squares of 1e-200 would be 0
    result = grouped[["theory_grad_rms", *MEANS]].mean()
    result["n"] = grouped["grad_rms"].count()
    result["grad_rms"] = np.sqrt(data["square"].groupby(cell, sort=False).mean()) * grouped["grad_rms"].max()
    for name, share in (("grad_low", 0.1), ("grad_high", 0.9)):
        result[name] = grouped["grad_rms"].quantile(share)
    places = data.loc[~cell.duplicated(), keys].reset_index(drop=True)
    return places.join(result).join(table, on="point").drop(columns="point")


def decay_table(frame: pd.DataFrame, points: Points, last: bool = False) -> pd.DataFrame:
    """One row per run: settings, seed and ``decay_factor decay_factor_theory``, at the first or the last step.

    The factor is exp(-slope) of log grad_rms over the hidden layers: what one layer more towards the input does to
    the gradient. NaN where fewer than two layers have a gradient to take the log of.
    """
    number, table = points
    settings = [name for name in table.columns if name != "label"]
    blocks = _blocks(frame, number, last)
    if not blocks:
        return pd.DataFrame(columns=["run", *settings, "seed", "decay_factor", "decay_factor_theory", "point"])
    first = np.concatenate([rows[:, 0] for _, rows in blocks])
    runs = frame[["run", *settings, "seed"]].iloc[first].reset_index(drop=True)
    for name, measure in (("decay_factor", "grad_rms"), ("decay_factor_theory", "theory_grad_rms")):
        values = frame[measure].to_numpy(float)
        runs[name] = np.concatenate([decay_factor(np.arange(rows.shape[1]) + 1, values[rows]) for _, rows in blocks])
    return runs.assign(point=number.to_numpy()[first])


def pooled_decay(frame: pd.DataFrame, points: Points) -> pd.DataFrame:
    """One row per point: ``label n decay ci_low ci_high theory weights slopes``, at the first step.

    decay    fitted to the root mean square over seeds, with its jackknife interval over seeds
    weights  the factor that passing a hidden layer's weights brings: √fan_out · RMS weight
    slopes   what φ' brings: the backward signal's factor over that of the weights, from the second layer on; both
             NaN where a norm or a skip takes part as well
    """
    number, table = points
    measures = ("grad_rms", "theory_grad_rms", "weight_rms", "activation_rms")
    columns = {name: frame[name].to_numpy(float) for name in measures}
    plains = (table["norm"] == "none") & (table["residual"] == "none")
    rows = []
    for point, places in _blocks(frame, number, last=False):
        gradients, expected, weight_rms, activations = (columns[name][places] for name in measures)
        seeds, depth = gradients.shape
        layers = np.arange(1, depth + 1)
        decay = float(decay_factor(layers, root_mean_square(gradients)))
        low, high = statistics.jackknife_interval(seeds, _resampled_decay(layers, gradients))
        row = {"point": point, "n": seeds, "decay": decay, "ci_low": low, "ci_high": high}
        row["theory"] = float(decay_factor(layers, expected[0]))
        plain = depth > 1 and plains[point]
        outputs = root_mean_square(activations)
        row["weights"] = math.sqrt(table["width"][point]) * float(weight_rms[:, 1:].mean()) if plain else math.nan
        with np.errstate(divide="ignore", invalid="ignore"):  # ∂L/∂W_l = δ_l h_{l-1}: without h it is the signal's size
            signal = float(decay_factor(layers[1:], root_mean_square(gradients)[1:] / outputs[:-1]))
        row["slopes"] = signal / row["weights"] if plain and row["weights"] > 0 else math.nan
        rows.append(row)
    names = ["point", "n", "decay", "ci_low", "ci_high", "theory", "weights", "slopes"]
    decays = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[2:], float))
    return decays.join(table, on="point")


def _resampled_decay(layers: np.ndarray, gradients: np.ndarray) -> statistics.Statistic:
    """Indices of seeds -> the decay factor of their root mean square."""
    return lambda seeds: decay_factor(layers, root_mean_square(gradients[seeds], axis=-2))


def decay_factor(layers: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """exp(-slope) of log gradients (..., layers); NaN for fewer than two positive ones."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(gradients)
    return np.exp(-statistics.slope(layers, np.where(np.isfinite(logs), logs, math.nan)))


def _blocks(frame: pd.DataFrame, number: pd.Series, last: bool) -> list[tuple[int, np.ndarray]]:
    """(point, places in the frame of its hidden layers' rows at one step, as (seeds, layers)) for every point.

    Raises ValueError where a run's rows are not whole, as in a table that someone has filtered.
    """
    steps = frame.groupby("run")["step"].transform("max") if last else 0
    places = np.flatnonzero((frame["step"] == steps) & (frame["layer"] <= frame["depth"]))
    points, seeds, layers, depths = (
        column.to_numpy()[places] for column in (number, frame["seed"], frame["layer"], frame["depth"])
    )
    order = np.lexsort((layers, seeds, points))
    blocks = []
    for rows in np.split(order, np.flatnonzero(np.diff(points[order])) + 1) if len(order) else []:
        depth = int(depths[rows[0]])
        whole = len(rows) % depth == 0 and (layers[rows].reshape(-1, depth) == np.arange(1, depth + 1)).all()
        if not whole:
            raise ValueError("the table lacks rows of some runs: each run needs one row per layer at its first step")
        blocks.append((int(points[rows[0]]), places[rows].reshape(-1, depth)))
    return blocks
