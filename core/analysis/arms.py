"""Settings of several sweeps side by side: what they measure, and how far each is from one of them, the baseline.

An arm is one combination of settings of one sweep, with the runs that differ in their seed alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from core.analysis import curves, ranking, statistics
from core.analysis.points import group_by_settings, telling_settings
from core.frames import COLUMNS
from core.words import three_digits

MOST_ARMS = 24
DIFFERENCE_COLUMNS = ["arm", "measure", "n", "pairs", "mean", "ci_low", "ci_high", "lost"]


class Arm(NamedTuple):
    """A combination of settings of the sweep ``sweep``: ``runs`` is its part of a summary of runs."""

    label: str
    sweep: str
    runs: pd.DataFrame


def arms(runs: pd.DataFrame, sweeps: Mapping[str, Sequence[str]], settings: Sequence[str]) -> list[Arm]:
    """The arms of several sweeps; ValueError where they are too many to be read.

    runs    a summary of all their runs, each once
    sweeps  by label, the ids of their runs
    """
    number, table = group_by_settings(runs, telling_settings(runs, settings))
    parts: list[tuple[str, Any, pd.DataFrame]] = []
    for sweep, ids in sweeps.items():
        block = runs[runs["run"].isin(ids)]
        parts += [(sweep, point, part) for point, part in block.groupby(number[block.index])]
    if len(parts) > MOST_ARMS:
        raise ValueError(
            f"these sweeps hold {len(parts)} combinations of settings, and at most {MOST_ARMS} can be read side by side: "
            "compare smaller sweeps"
        )
    sizes, points = Counter(sweep for sweep, _, _ in parts), Counter(point for _, point, _ in parts)
    found: list[Arm] = []
    for sweep, point, part in parts:
        label = str(table["label"][point])
        if sizes[sweep] == 1 and (points[point] > 1 or not sweep.startswith("sweep ")):
            label = sweep
        elif points[point] > 1 or not sweep.startswith("sweep "):
            label = f"{sweep} · {label}"
        taken = [arm.label for arm in found]
        again = 2
        while label in taken:
            label, again = f"{label.removesuffix(f' ({again - 1})')} ({again})", again + 1
        found.append(Arm(label, sweep, part))
    return found


def settings_apart(found: Sequence[Arm], settings: Sequence[str]) -> pd.DataFrame:
    """A row per setting in which the sweeps differ, seeds counted: ``setting``, then each sweep's values as text."""
    sweeps = list(dict.fromkeys(arm.sweep for arm in found))
    blocks = {sweep: pd.concat([arm.runs for arm in found if arm.sweep == sweep]) for sweep in sweeps}
    rows = []
    for name in (*settings, "seed"):
        cells = {sweep: _values_text(block[name]) for sweep, block in blocks.items()}
        if len(set(cells.values())) > 1:
            rows.append({"setting": COLUMNS[name].label, **cells})
    return pd.DataFrame(rows, columns=["setting", *sweeps])


def _values_text(values: pd.Series) -> str:
    unique = list(dict.fromkeys("–" if pd.isna(value) else value for value in values))
    numbers = [int(value) for value in unique] if values.name == "seed" else []
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in unique)


def measure_names(runs: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """The measures of a summary of runs that have a number at all."""
    names = [name for name in runs.columns if name not in ("run", "seed", *settings)]
    return [name for name in names if np.isfinite(runs[name].astype(float)).any()]


def measures_beside(found: Sequence[Arm], measures: Sequence[str]) -> pd.DataFrame:
    """``measure``, then a column per arm: the mean over seeds with its 95 % interval, and how many runs have the measure."""
    rows: list[dict[str, str]] = [{"measure": "runs", **{arm.label: f"{len(arm.runs):,}" for arm in found}}]
    for name in measures:
        cells = {}
        for arm in found:
            ends = statistics.measure_over_seeds(name, arm.runs[name].astype(float))
            left = "" if ends["n"] == len(arm.runs) else f", {ends['n']} of {len(arm.runs)}"
            cells[arm.label] = _interval_text(ends["mean"], ends["ci_low"], ends["ci_high"]) + left
        rows.append({"measure": COLUMNS[name].title, **cells})
    return pd.DataFrame(rows)


def _interval_text(middle: float, low: float, high: float) -> str:
    if math.isnan(low) or low == high:
        return three_digits(middle)
    return f"{three_digits(middle)} ({three_digits(low)} to {three_digits(high)})"


def differences(found: Sequence[Arm], baseline: Arm, measures: Sequence[str]) -> pd.DataFrame:
    """A row per other arm and measure: its mean minus the baseline's, with an interval that holds for all arms together.

    pairs  how many pairs of the same seed stand behind it; 0 where the two were drawn apart
    lost   whether a run of either has no finite measure: what survives alone proves nothing

    Pairs where one arm's seeds are among the other's (Student's t), else Welch's t; of shares of runs Newcombe's interval.
    Each interval is widened for how many arms are compared (Bonferroni).
    """
    others = [arm for arm in found if arm is not baseline]
    level = 1.0 - ranking.FALSE_CLAIMS / max(1, len(others))
    rows = [
        {"arm": arm.label, "measure": name, **difference(arm.runs, baseline.runs, name, level)}
        for arm in others
        for name in measures
    ]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def difference(runs: pd.DataFrame, reference: pd.DataFrame, measure: str, level: float) -> dict[str, float | bool]:
    """``n pairs mean ci_low ci_high lost`` of a measure of some runs minus that of others."""
    one, other = (_by_seed(part, measure) for part in (runs, reference))
    lost = len(one.dropna()) < len(one) or len(other.dropna()) < len(other)
    nested = set(one.index) <= set(other.index) or set(other.index) <= set(one.index)
    apart = (one - other).dropna() if nested else pd.Series(dtype=float)
    one, other = one.dropna(), other.dropna()
    if measure in statistics.SHARES:
        mean, low, high = share_difference(one.to_numpy(), other.to_numpy(), level)
        return {"n": len(one), "pairs": 0, "mean": mean, "ci_low": low, "ci_high": high, "lost": lost}
    if nested:
        low, high = statistics.mean_interval(apart.to_numpy(), level)
        mean = float(apart.mean()) if len(apart) else math.nan
        return {"n": len(apart), "pairs": len(apart), "mean": mean, "ci_low": low, "ci_high": high, "lost": lost}
    mean, low, high = welch_interval(one.to_numpy(), other.to_numpy(), level)
    return {"n": len(one), "pairs": 0, "mean": mean, "ci_low": low, "ci_high": high, "lost": lost}


def _by_seed(runs: pd.DataFrame, measure: str) -> pd.Series:
    values = runs.set_index("seed")[measure].astype(float)
    return values.where(np.isfinite(values))


def welch_interval(one: np.ndarray, other: np.ndarray, level: float) -> tuple[float, float, float]:
    """The difference of two means and its interval where the spreads differ; NaN for fewer than two values. Welch 1947."""
    from scipy.special import stdtrit

    if not len(one) or not len(other):
        return math.nan, math.nan, math.nan
    mean = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2:
        return mean, math.nan, math.nan
    shares = np.array([one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)])
    if not shares.sum() > 0:
        return mean, mean, mean
    freedom = shares.sum() ** 2 / (shares**2 / np.array([len(one) - 1, len(other) - 1])).sum()
    margin = float(stdtrit(freedom, 0.5 + level / 2.0) * math.sqrt(shares.sum()))
    return mean, mean - margin, mean + margin


def share_difference(one: np.ndarray, other: np.ndarray, level: float) -> tuple[float, float, float]:
    """The difference of two shares and its interval, which has a width for 0 of few against all of few.

    Source: Newcombe 1998, Statistics in Medicine 17, method 10: Wilson's limits of both, squared and added.
    """
    if not len(one) or not len(other):
        return math.nan, math.nan, math.nan
    first, second = float(one.mean()), float(other.mean())
    low, high = statistics.share_interval(round(one.sum()), len(one), level)
    other_low, other_high = statistics.share_interval(round(other.sum()), len(other), level)
    mean = first - second
    return (
        mean,
        mean - math.hypot(first - low, other_high - second),
        mean + math.hypot(high - first, second - other_low),
    )


def sure(row: Any) -> bool:
    """Whether a row of ``differences`` says more than chance would: its interval leaves out zero, and no run was lost."""
    return not row.lost and (row.ci_low > 0 or row.ci_high < 0)


def differences_beside(table: pd.DataFrame) -> pd.DataFrame:
    """``measure``, then a column per other arm: the difference with its interval, and ``higher`` or ``lower`` where it is sure."""
    cells: dict[str, dict[str, str]] = {}
    for row in table.itertuples():
        cells.setdefault(str(row.measure), {})[str(row.arm)] = _difference_text(row)
    return pd.DataFrame([{"measure": COLUMNS[name].title, **texts} for name, texts in cells.items()])


def _difference_text(row: Any) -> str:
    if math.isnan(row.mean):  # one side has no such measure, as theory for some layers
        return "–"
    verdict = (" higher" if row.mean > 0 else " lower") if sure(row) else " (runs lost)" if row.lost else ""
    return f"{_interval_text(row.mean, row.ci_low, row.ci_high)}{verdict}"


def difference_sentence(table: pd.DataFrame, measure: str, baseline: str) -> str:
    """What the differences of one measure say, in a sentence; empty where none was measured."""
    rows = [row for row in table.itertuples() if row.measure == measure and not math.isnan(row.mean)]
    if not rows:
        return ""
    label = COLUMNS[measure].label
    clear = [row for row in rows if sure(row)]
    if not clear:
        lost = " where runs were lost" if any(row.lost for row in rows) else ""
        return f"No sure difference from {baseline} in {label}{lost}"
    row = max(clear, key=lambda row: abs(row.mean))
    size = f"{three_digits(abs(row.mean))} ({_span(row)})"
    how = f"{row.pairs} pairs of the same seed" if row.pairs else "by Welch's t"
    rest = f"; {len(clear)} of {len(rows)} other settings differ from it for sure" if len(rows) > 1 else ""
    return f"{row.arm}: {label} is {'higher' if row.mean > 0 else 'lower'} than {baseline}'s by {size}, {how}{rest}"


def _span(row: Any) -> str:
    low, high = sorted((abs(row.ci_low), abs(row.ci_high)))
    return f"{three_digits(low)} to {three_digits(high)}"


def course_place(frame: pd.DataFrame) -> tuple[str, str] | None:
    """(place, measure) of the loss that a frame can show over steps or epochs; None where it has no course."""
    for measure in ("val_loss", "train_loss"):
        places = ("epoch", "step") if measure == "val_loss" else ("step", "epoch")
        place = next((name for name in places if name in frame), None)
        if measure not in frame or place is None:
            continue
        if frame.loc[np.isfinite(frame[measure]), place].nunique() > 1:
            return place, measure
    return None


def courses_beside(frame: pd.DataFrame, found: Sequence[Arm], settings: Sequence[str]) -> pd.DataFrame:
    """``label``, the place, ``n median low high`` of the loss of every arm over its course; empty where there is none."""
    course = course_place(frame)
    if course is None:
        return pd.DataFrame(columns=["label", "place", "n", "median", "low", "high"])
    place, measure = course
    tables = []
    for arm in found:
        rows = frame[frame["run"].isin(arm.runs["run"]) & frame[measure].notna()].drop_duplicates(["run", place])
        if rows.empty:
            continue
        places = np.unique(rows[place])  # numbered, so that of many the drawn ones are spread evenly
        table = curves.by_step(rows.assign(step=np.searchsorted(places, rows[place])), settings, measure)
        ends = 1 if measure == "val_loss" and place == "epoch" else 0  # measured where the epoch ends
        tables.append(table.assign(label=arm.label, place=places[table["step"].to_numpy(int)] + ends))
    return pd.concat(tables, ignore_index=True)[["label", "place", "n", "median", "low", "high"]]
