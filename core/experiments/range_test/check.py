"""Trainings at the suggested rate, below and above it: the check of a range test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import curves, ranking
from core.experiments.range_test.charts import CEILING
from core.experiments.range_test.settings import RangeTest
from core.experiments.training.charts import curve_chart, guessing_note
from core.experiments.training.summary import run_ends
from core.plotting.figure import Figure
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis
    from core.plotting.figure import Figure


AROUND = (1 / 30, 1.0, 10.0, 100.0)  # of the suggestion: too low, right, too high, far too high


def check_settings(analysis: Analysis) -> dict[str, str] | None:
    """Trainings at the recommended rate, below and above, as settings of ``schedulers``; None without a suggestion.

    analysis  of range tests of one setting
    """
    suggested = float(analysis.runs["suggested_lr_valley"].median())
    if not math.isfinite(suggested):
        return None
    first = analysis.frame.iloc[0]
    shared = [
        name for name in RangeTest.names() if name not in ("min_lr", "max_lr", "steps", "smoothing", "stop_factor")
    ]
    same = {name: str(first[name]) for name in shared if first[name] is not None and first[name] == first[name]}
    rates = ",".join(f"{suggested * factor:.2g}" for factor in AROUND)
    return same | {"scheduler": "constant", "base_lr": rates, "epochs": "10", "seeds": "5"}


def check_charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """Trainings at the suggested rate, the second of the frame's, below and above it: loss, and accuracy of classes."""
    frame = curves.finite(frame)
    ceiling = CEILING * float(frame[frame["step"] == 0]["train_loss"].median())
    train, accuracy = _ends(frame, "train_loss"), _ends(frame, "val_accuracy").replace(np.inf, -np.inf)
    titles = {
        "val_loss": _check_title(frame),
        "train_loss": f"On the batches themselves {train.idxmin():g} ends lowest: {three_digits(train.min())}",
        "val_accuracy": f"{accuracy.idxmax():g} puts {accuracy.max():.1%} of the validation rows in the right class",
    }
    if not frame["val_accuracy"].notna().any():
        del titles["val_accuracy"]
    return {
        f"check_{measure}": curve_chart(
            frame, ["base_lr"], measure, "epoch", title, guessing_note(frame, measure), ceiling
        )
        for measure, title in titles.items()
    }


def _ends(frame: pd.DataFrame, measure: str) -> pd.Series:
    """The last median that is drawn of each rate, (rates,); infinite where the line has ended before."""
    last, ends = int(frame["epoch"].max()) + 1, {}
    for rate, own in frame.groupby("base_lr", sort=False):
        table = curves.by_epoch(own, ["base_lr"], measure)
        ends[rate] = next(iter(table.loc[table["epoch"] == last, "median"]), np.inf)
    return pd.Series(ends)


def checked_rate(frame: pd.DataFrame) -> float:
    """The rate that the trainings speak for: the suggestion, the second of theirs, unless another is surely better.

    Surely: its validation loss is lower, and the 95 % interval of the difference, seed by seed, holds no 0.
    """
    frame = curves.finite(frame)
    rates = list(dict.fromkeys(frame["base_lr"]))
    suggested, best = float(rates[1]), float(_ends(frame, "val_loss").idxmin())
    runs = run_ends(frame, ["base_lr"])
    pairs = ranking.paired(runs, ["base_lr"], "base_lr", "final_val_loss", suggested).set_index("value")
    return best if best in pairs.index and pairs.loc[best, "ci_high"] < 0 else suggested


def _check_title(frame: pd.DataFrame) -> str:
    """How the suggestion, the second of the rates, fares among them on the validation rows."""
    ends = _ends(frame, "val_loss")
    if len(ends) < 2 or not np.isfinite(ends.iloc[1]):
        return "Trainings at the suggested learning rate and around it"
    suggested, best = ends.index[1], ends.idxmin()
    words = f"The suggested rate {suggested:g} ends at a validation loss of {three_digits(float(ends[suggested]))}"
    if best == suggested:
        return f"{words}, the lowest of these rates"
    which = "a higher" if best > suggested else "a lower"
    verdict = f"here {which} rate does better" if checked_rate(frame) == best else "within the spread of the seeds"
    return f"{words}; {best:g} at {three_digits(float(ends[best]))}, {verdict}"
