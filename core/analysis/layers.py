"""Per-layer profiles: seeds folded together, and how fast gradients change from layer to layer.

Works on any frame that has rows per layer: the settings' columns, ``seed step layer`` and the measures of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.points import group_by_settings

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


def layer_profile(frame: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """One row per point, step and layer: what the seeds have in common.

    Columns: the settings, ``label step layer n``, ``grad_rms`` (root mean square over seeds, as theory predicts it),
    ``grad_low grad_high`` (10th and 90th percentile over seeds), ``theory_grad_rms``, and the means of ``MEANS``.
    """
    number, table = group_by_settings(frame, settings)
    measures = ("grad_rms", "theory_grad_rms", *MEANS)
    numbers = {name: pd.to_numeric(frame[name], errors="coerce").astype(float) for name in measures}
    numbers["grad_rms"] = numbers["grad_rms"].where(np.isfinite(numbers["grad_rms"]))
    data = pd.DataFrame({"point": number, "step": frame["step"], "layer": frame["layer"], **numbers})
    keys = ["point", "step", "layer"]
    grouped = data.groupby(keys, sort=False)
    largest = grouped["grad_rms"].transform("max")
    data["square"] = (data["grad_rms"] / largest.where(largest > 0)) ** 2  # squares of 1e-200 would be 0
    result = grouped[["theory_grad_rms", *MEANS]].mean()
    result["n"] = grouped["grad_rms"].count()
    result["grad_rms"] = np.sqrt(data.groupby(keys, sort=False)["square"].mean()) * grouped["grad_rms"].max()
    for name, share in (("grad_low", 0.1), ("grad_high", 0.9)):
        result[name] = grouped["grad_rms"].quantile(share)
    result = result.reset_index()
    return result.join(table, on="point").drop(columns="point")


def decay_table(frame: pd.DataFrame, settings: Sequence[str], last: bool = False) -> pd.DataFrame:
    """One row per run: settings, seed and ``decay_factor decay_factor_theory``, at the first or the last step.

    The factor is exp(-slope) of log grad_rms over the hidden layers: what one layer more towards the input does to
    the gradient. NaN where fewer than two layers have a gradient to take the log of.
    """
    rows = []
    for point, block, gradients in _blocks(frame, settings, last):
        layers = np.arange(1, gradients.shape[1] + 1)
        theory = block["theory_grad_rms"].to_numpy(float).reshape(gradients.shape)
        runs = block.drop_duplicates("run")[["run", *settings, "seed"]].copy()
        runs["decay_factor"] = decay_factor(layers, gradients)
        runs["decay_factor_theory"] = decay_factor(layers, theory)
        runs["point"] = point
        rows.append(runs)
    if not rows:
        return pd.DataFrame(columns=["run", *settings, "seed", "decay_factor", "decay_factor_theory", "point"])
    return pd.concat(rows, ignore_index=True)


def pooled_decay(frame: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """One row per point: ``label n decay ci_low ci_high theory weights slopes``, at the first step.

    decay    fitted to the root mean square over seeds, with its jackknife interval over seeds
    weights  the factor that passing a hidden layer's weights brings: √fan_out · RMS weight
    slopes   what φ' brings: the backward signal's factor over that of the weights, from the second layer on; both
             NaN where a norm or a skip takes part as well
    """
    _, table = group_by_settings(frame, settings)
    rows = []
    for point, block, gradients in _blocks(frame, settings, last=False):
        seeds, depth = gradients.shape
        layers = np.arange(1, depth + 1)
        theory = block["theory_grad_rms"].to_numpy(float).reshape(gradients.shape)[0]
        decay = float(decay_factor(layers, root_mean_square(gradients)))
        low, high = statistics.jackknife_interval(seeds, _resampled_decay(layers, gradients))
        row = {"point": point, "n": seeds, "decay": decay, "ci_low": low, "ci_high": high}
        row["theory"] = float(decay_factor(layers, theory))
        plain = depth > 1 and table.loc[point, "norm"] == "none" and table.loc[point, "residual"] == "none"
        weight_rms = block["weight_rms"].to_numpy(float).reshape(gradients.shape)[:, 1:]
        outputs = root_mean_square(block["activation_rms"].to_numpy(float).reshape(gradients.shape))
        row["weights"] = math.sqrt(table.loc[point, "width"]) * float(weight_rms.mean()) if plain else math.nan
        with np.errstate(divide="ignore", invalid="ignore"):  # ∂L/∂W_l = δ_l h_{l-1}: without h it is the signal's size
            signal = float(decay_factor(layers[1:], root_mean_square(gradients)[1:] / outputs[:-1]))
        row["slopes"] = signal / row["weights"] if plain and row["weights"] > 0 else math.nan
        rows.append(row)
    columns = ["point", "n", "decay", "ci_low", "ci_high", "theory", "weights", "slopes"]
    decays = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))
    return decays.join(table, on="point")


def _resampled_decay(layers: np.ndarray, gradients: np.ndarray) -> statistics.Statistic:
    """Indices of seeds -> the decay factor of their root mean square."""
    return lambda seeds: decay_factor(layers, root_mean_square(gradients[seeds], axis=-2))


def decay_factor(layers: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """exp(-slope) of log gradients (..., layers); NaN for fewer than two positive ones."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(gradients)
    return np.exp(-statistics.slope(layers, np.where(np.isfinite(logs), logs, math.nan)))


def _blocks(frame: pd.DataFrame, settings: Sequence[str], last: bool) -> list[tuple[int, pd.DataFrame, np.ndarray]]:
    """(point, rows of its hidden layers at one step, grad_rms as (seeds, layers)) for every point.

    Raises ValueError where a run's rows are not whole, as in a table that someone has filtered.
    """
    number, _ = group_by_settings(frame, settings)
    steps = frame.groupby("run")["step"].transform("max") if last else 0
    rows = (frame["step"] == steps) & (frame["layer"] <= frame["depth"])
    data = frame[rows].assign(point=number[rows]).sort_values(["point", "seed", "layer"], kind="stable")
    blocks = []
    for point, block in data.groupby("point", sort=True):
        depth = int(block["depth"].iloc[0])
        gradients = block["grad_rms"].to_numpy(float)
        whole = (
            len(gradients) % depth == 0
            and (block["layer"].to_numpy().reshape(-1, depth) == np.arange(1, depth + 1)).all()
        )
        if not whole:
            raise ValueError("the table lacks rows of some runs: each run needs one row per layer at its first step")
        blocks.append((int(point), block, gradients.reshape(-1, depth)))
    return blocks
