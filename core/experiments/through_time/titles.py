"""What the charts found, in a line each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings
from core.experiments.through_time.settings import ThroughTime
from core.words import factor_words, three_digits


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
    """How many settings fade, keep their gradient's size and grow: whose interval lies below, around or above 1."""
    known = decays[np.isfinite(decays["mean"].to_numpy(float))]
    low, high = known["ci_low"].fillna(known["mean"]), known["ci_high"].fillna(known["mean"])
    fading, growing = int((high < 1).sum()), int((low > 1).sum())
    if len(known) == 1:
        row = known.iloc[0]
        words = "fades" if fading else "grows" if growing else "keeps its size"
        return f"The gradient {words}: {three_digits(row['mean'])}× for each step back in time"
    kept = len(known) - fading - growing
    counts = ((fading, "fade", "fades"), (kept, "keep their size", "keeps its size"), (growing, "grow", "grows"))
    words = ", ".join(f"{count} {one if count == 1 else many}" for count, many, one in counts if count)
    return f"Of {len(known)} settings, {words}" if len(known) else "The factor for each step back in time"


def states_title(frame: pd.DataFrame) -> str:
    """Where the states end: the largest mean of the last time step."""
    ends = frame[~frame["run"].duplicated(keep="last")]
    ends = ends[np.isfinite(ends["state_rms"].to_numpy(float))]
    if ends.empty:
        return "The size of the states"
    number, table = group_by_settings(ends, ThroughTime.names())
    means = ends["state_rms"].groupby(number).mean().sort_values()
    named = f" ({table.loc[means.index[-1], 'label']})" if len(means) > 1 else ""
    return f"States end at {three_digits(means.iloc[-1])} of a possible 1{named}"
