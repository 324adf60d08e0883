"""What ``through_time`` found, in titles and headline numbers, from its frame."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.points import group_by_settings
from core.experiments.through_time import NAMES, run_summary
from core.words import factor_words, span, three_digits

LABELS = ("Decay factor per step", "Left at the first step", "Spectral radius", "Runs")


def decay_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per point of ``run_summary``: its settings, ``label n mean median standard_error ci_low ci_high``."""
    number, table = group_by_settings(runs, NAMES)
    rows = [{"point": point, **statistics.over_seeds(block["decay_factor"])} for point, block in runs.groupby(number)]
    columns = ["point", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns).join(table, on="point")


def gradient_title(decays: pd.DataFrame) -> str:
    """The finding of a gradient chart, from ``decay_table``."""
    known = decays[np.isfinite(decays["mean"].to_numpy(float))].sort_values("mean", kind="stable")
    if known.empty:
        return "The gradient of each time step's state"
    low, high = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return f"Back in time, gradients {factor_words(low['mean'], 'step')}"
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
    number, table = group_by_settings(ends, NAMES)
    means = ends["state_rms"].groupby(number).mean().sort_values()
    named = f" ({table.loc[means.index[-1], 'label']})" if len(means) > 1 else ""
    return f"States end at {three_digits(means.iloc[-1])} of a possible 1{named}"


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): decay factors, what is left at the first step, spectral radius, runs."""
    if frame.empty:
        return [(label, "–", "Press Run.") for label in LABELS]
    runs = run_summary(frame)
    decays = decay_table(runs)
    known = decays[np.isfinite(decays["mean"].to_numpy(float))]
    spread = "each with its interval in the chart below"
    if len(known) == 1:
        row = known.iloc[0]
        spread = f"95 % interval over seeds {three_digits(row['ci_low'])} to {three_digits(row['ci_high'])}"
    shares, radii = (
        share_of_first(frame).dropna(),
        runs["spectral_radius"].groupby(group_by_settings(runs, NAMES)[0]).mean(),
    )
    return [
        (LABELS[0], span(known["mean"], "×"), f"Gradient per time step, towards the first; {spread}."),
        (
            LABELS[1],
            three_digits(float(shares.min())) if len(shares) else "–",
            "Gradient of the first time step's state over that of the last, geometric mean over seeds, of the setting "
            f"that keeps least; the one that keeps most has {three_digits(float(shares.max()))}.",
        ),
        (
            LABELS[2],
            span(radii.dropna()),
            "Largest |eigenvalue| of the recurrent weights, mean over the seeds of a setting; of the model rnn alone.",
        ),
        (LABELS[3], f"{len(runs):,}", f"Networks measured: {len(decays):,} settings × seeds."),
    ]


def share_of_first(frame: pd.DataFrame) -> pd.Series:
    """Per point, the gradient of the first time step over that of the last, geometric mean over seeds; 0 where one is 0."""
    first = frame[~frame["run"].duplicated()].set_index("run")
    last = frame[~frame["run"].duplicated(keep="last")].set_index("run")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(first["grad_norm"].astype(float)) - np.log(last["grad_norm"].astype(float))
    number, _ = group_by_settings(first.reset_index(), NAMES)
    return np.exp(logs.groupby(number.to_numpy()).mean())
