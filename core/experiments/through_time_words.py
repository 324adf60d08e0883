"""The findings of ``through_time`` in words and headline numbers, from its frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from core import profiles, summaries
from core.charts import three_digits
from core.experiments.through_time import NAMES, run_summary

FAINT, LOST = 1 / 30, 1 / 1000  # gradient of the first time step over that of the last: worth a warning, an error
PAGE = "/Through_time"

Found = tuple[str, str, str, dict[str, Any], str]  # code, severity, message, evidence, remedy


def decay_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per point of ``run_summary``: its settings, ``label n mean median standard_error ci_low ci_high``."""
    number, table = profiles.points(runs, NAMES)
    rows = [{"point": point, **summaries.over_seeds(block["decay_factor"])} for point, block in runs.groupby(number)]
    columns = ["point", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns).join(table, on="point")


def _factor_words(factor: float) -> str:
    if 0.98 <= factor <= 1.02:
        return f"keep their size ({three_digits(factor)}× a step)"
    return f"{'shrink' if factor < 1 else 'grow'} {three_digits(factor)}× a step"


def gradient_title(decays: pd.DataFrame) -> str:
    """The finding of a gradient chart, from ``decay_table``."""
    known = decays[np.isfinite(decays["mean"].to_numpy(float))].sort_values("mean", kind="stable")
    if known.empty:
        return "The gradient of each time step's state"
    low, high = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return f"Back in time, gradients {_factor_words(low['mean'])}"
    return (
        f"A step back in time multiplies gradients by {three_digits(low['mean'])} ({low['label']}) "
        f"to {three_digits(high['mean'])} ({high['label']})"
    )


def decay_title(decays: pd.DataFrame) -> str:
    """How many settings fade, keep their gradient's size and explode: whose interval lies below, around or above 1."""
    known = decays[np.isfinite(decays["mean"].to_numpy(float))]
    low, high = known["ci_low"].fillna(known["mean"]), known["ci_high"].fillna(known["mean"])
    fading, growing = int((high < 1).sum()), int((low > 1).sum())
    if len(known) == 1:
        row = known.iloc[0]
        words = "fades" if fading else "explodes" if growing else "keeps its size"
        return f"The gradient {words}: {three_digits(row['mean'])}× for each step back in time"
    kept = len(known) - fading - growing
    counts = ((fading, "fade", "fades"), (kept, "keep their size", "keeps its size"), (growing, "explode", "explodes"))
    words = ", ".join(f"{count} {one if count == 1 else many}" for count, many, one in counts if count)
    return f"Of {len(known)} settings, {words}" if len(known) else "The factor for each step back in time"


def states_title(frame: pd.DataFrame) -> str:
    """Where the states end: the largest mean of the last time step."""
    ends = frame[~frame["run"].duplicated(keep="last")]
    ends = ends[np.isfinite(ends["state_rms"].to_numpy(float))]
    if ends.empty:
        return "The size of the states"
    number, table = profiles.points(ends, NAMES)
    means = ends["state_rms"].groupby(number).mean().sort_values()
    named = f" ({table.loc[means.index[-1], 'label']})" if len(means) > 1 else ""
    return f"States end at {three_digits(means.iloc[-1])} of a possible 1{named}"


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): decay factors, what is left at the first step, spectral radius, runs."""
    if frame.empty:
        return [(label, "–", "Press Run.") for label in ("Decay factor per step", "Left at the first step", "Runs")]
    runs = run_summary(frame)
    decays = decay_table(runs)
    known = decays[np.isfinite(decays["mean"].to_numpy(float))]
    spread = "each with its interval in the chart below"
    if len(known) == 1:
        row = known.iloc[0]
        spread = f"95 % interval over seeds {three_digits(row['ci_low'])} to {three_digits(row['ci_high'])}"
    shares, radii = (
        share_of_first(frame).dropna(),
        runs["spectral_radius"].groupby(profiles.points(runs, NAMES)[0]).mean(),
    )
    return [
        ("Decay factor per step", _span(known["mean"], "×"), f"Gradient per time step, towards the first; {spread}."),
        (
            "Left at the first step",
            three_digits(float(shares.min())) if len(shares) else "–",
            "Gradient of the first time step's state over that of the last, geometric mean over seeds, of the setting "
            f"that keeps least; the one that keeps most has {three_digits(float(shares.max()))}.",
        ),
        (
            "Spectral radius",
            _span(radii.dropna(), ""),
            "Largest |eigenvalue| of the recurrent weights, mean over the seeds of a setting; of the model rnn alone.",
        ),
        ("Runs", f"{len(runs):,}", f"Networks measured: {len(decays):,} settings × seeds."),
    ]


def _span(values: pd.Series, unit: str) -> str:
    if not len(values):
        return "–"
    low, high = three_digits(float(values.min())), three_digits(float(values.max()))
    return f"{low}{unit}" if low == high else f"{low}{unit} – {high}{unit}"


def share_of_first(frame: pd.DataFrame) -> pd.Series:
    """Per point, the gradient of the first time step over that of the last, geometric mean over seeds; 0 where one is 0."""
    first = frame[~frame["run"].duplicated()].set_index("run")
    last = frame[~frame["run"].duplicated(keep="last")].set_index("run")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(first["grad_norm"].astype(float)) - np.log(last["grad_norm"].astype(float))
    number, _ = profiles.points(first.reset_index(), NAMES)
    return np.exp(logs.groupby(number.to_numpy()).mean())


def through_time_findings(frame: pd.DataFrame) -> list[Found]:
    """Vanishing or exploding: a geometric change over time steps that the spread over seeds does not explain."""
    if frame.empty:
        return []
    runs = run_summary(frame)
    number, table = profiles.points(runs, NAMES)
    shares, found = share_of_first(frame), []
    for point, settings in table.iterrows():
        own = runs[number == point]
        rows = frame[frame["run"].isin(own["run"])]
        found += _decay(rows, own, settings, float(shares[point]))
    return found


def _decay(rows: pd.DataFrame, runs: pd.DataFrame, settings: pd.Series, share: float) -> list[Found]:
    logs = np.log(runs["decay_factor"].to_numpy(float))
    logs, length = logs[np.isfinite(logs)], int(rows["time"].max())
    if not len(logs) or length < 2:
        return []
    mean = float(logs.mean())
    margin = 2.0 * float(logs.std(ddof=1)) / math.sqrt(len(logs)) if len(logs) > 1 else _fit_error(rows, mean)
    nearest = min(abs(mean - margin), abs(mean + margin)) if abs(mean) > margin else 0.0
    ratio = math.exp(-nearest * (length - 1))  # the change over the whole sequence that the data are sure of
    if ratio >= FAINT:
        return []
    factor, radius = math.exp(mean), float(runs["spectral_radius"].mean())
    evidence = {
        "decay_factor": factor,
        "ci_low": math.exp(mean - margin),
        "ci_high": math.exp(mean + margin),
        "first_over_last": share,
        "time_steps": length,
        "spectral_radius": radius,
        "runs": len(logs),
    }
    beside = f" (spectral radius {three_digits(radius)})" if math.isfinite(radius) else ""
    size = three_digits(share) if share > 0 else "nothing"
    severity = "error" if ratio < LOST else "warning"
    if mean < 0:
        message = (
            f"{settings['label']}: gradients vanish, by {three_digits(factor)}× a time step towards the first{beside}; "
            f"step 1 gets {size} of what step {length} gets."
        )
        return [("vanishing_gradients", severity, message, evidence, _vanishing_remedy(settings))]
    message = (
        f"{settings['label']}: gradients explode, by {three_digits(factor)}× a time step towards the first{beside}; "
        f"step 1 gets {size} times what step {length} gets."
    )
    return [("exploding_gradients", severity, message, evidence, _exploding_remedy(settings))]


def _fit_error(rows: pd.DataFrame, slope: float) -> float:
    """Twice the standard error of one run's fit, where no second seed shows the spread."""
    shown = rows[(rows["grad_norm"] > 0) & np.isfinite(rows["grad_norm"])]
    x, y = shown["time"].to_numpy(float), np.log(shown["grad_norm"].to_numpy(float))
    if len(x) < 3:
        return math.inf
    residuals = (y - y.mean()) + slope * (x - x.mean())
    return 2.0 * math.sqrt(float((residuals**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))


def _compared(settings: pd.Series, **changes: object) -> str:
    fields = {name: settings[name] for name in ("model", "width", "gain", "init", "dataset")}
    fields |= {"seeds": 10, **changes}
    return f"{PAGE}?" + "&".join(f"{name}={value}".replace(" ", "") for name, value in fields.items())


def _vanishing_remedy(settings: pd.Series) -> str:
    if str(settings["init"]) != "orthogonal":
        link = _compared(settings, init=f"{settings['init']},orthogonal", gain=1)
        return f"Draw the recurrent weights orthogonal, with a gain near 1. Clipping does not help. See it work: {link}"
    gain, better = float(settings["gain"]), 1.1 if settings["model"] == "rnn" else 2.0
    if gain < better:
        link = _compared(settings, gain=f"{gain:g},{better:g}")
        return f"A larger recurrent gain, near {better:g}, or shorter sequences. Clipping does not help. See it work: {link}"
    link = _compared(settings, dataset="adding(length=10),adding(length=20)")
    return f"Shorter sequences, or a loss at every time step. Clipping does not help. See it work: {link}"


def _exploding_remedy(settings: pd.Series) -> str:
    link = _compared(settings, init="orthogonal", gain="1")
    return f"Smaller recurrent weights: orthogonal, with a gain of 1; clip the gradient's norm while training. See it work: {link}"
