"""How the trainings end, and what each wrong line costs: seed by seed, beside its own right loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from core.analysis import ranking
from core.analysis.baseline import guess_loss
from core.experiments.mistakes.settings import RIGHT
from core.experiments.training.summary import run_ends, setting_table, summary
from core.parts.datasets import shape_of

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


__all__ = ["prices", "run_summary", "setting_table", "summary", "surely"]

COSTS = {"accuracy_cost": "final_val_accuracy", "loss_cost": "final_val_loss"}
PRICE = ["mistake", "label", "measure", "n", "mean", "ci_low", "ci_high", "hidden", "diverged"]


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: how its training ended, and what that costs against the right loop of the same seed.

    A run that was lost counts as guessing: always the largest class, or the mean.
    """
    names = experiment.settings.names()
    runs = run_ends(frame, names)
    if runs.empty:
        return runs.assign(**{cost: pd.Series(dtype=float) for cost in COSTS})
    key = _training(runs, names)
    right = (runs["mistake"] == RIGHT).to_numpy()
    ends = _ends(runs)
    for cost, end in COSTS.items():
        beside = key.map(pd.Series(ends.loc[right, end].to_numpy(), index=key[right]))
        difference = ends[end] - beside if end.endswith("loss") else beside - ends[end]
        runs[cost] = difference.where(~right)
    return runs


def _training(runs: pd.DataFrame, names: list[str]) -> pd.Series:
    """What a run shares with its own right loop: all settings but the mistake, and the seed."""
    shared = [name for name in names if name != "mistake"]
    return pd.Series(list(runs[[*shared, "seed"]].astype(object).fillna("").itertuples(index=False)), runs.index)


def _ends(runs: pd.DataFrame) -> pd.DataFrame:
    """Final validation accuracy and loss, those of guessing where a run was lost."""
    names = runs["dataset"].unique()
    majority = runs["dataset"].map({name: _majority(name) for name in names})
    guess = runs["dataset"].map({name: guess_loss(name) for name in names})
    lost = runs["diverged"] == 1
    exploded = lost | runs["final_val_loss"].isna() & (runs["failed"] == 1)
    return pd.DataFrame(
        {
            "final_val_accuracy": runs["final_val_accuracy"].mask(lost, majority),
            "final_val_loss": runs["final_val_loss"].mask(exploded, guess),
        }
    )


def _majority(dataset: str) -> float:
    """The accuracy of always answering the largest class; NaN for a user's own table that is not here."""
    try:
        return shape_of(dataset).majority
    except ValueError:
        return math.nan


def prices(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """``mistake label measure n mean ci_low ci_high hidden diverged``, a row per wrong loop, the dearest first.

    Accuracies in points, 100 to 1; of a number as target the validation loss. The intervals hold together: each is
    widened for how many prices there are (Student's t on differences of the same seed, Bonferroni).

    hidden    seeds on which the wrong loop ended no worse than the right one
    diverged  runs of the wrong loop that were lost
    """
    wrong = analysis.runs[analysis.runs["mistake"] != RIGHT]
    if wrong.empty:
        return pd.DataFrame(columns=PRICE)
    number, points = _points(wrong, experiment.settings.names())
    rows = []
    for point, runs in wrong.groupby(number):
        measure = (
            "accuracy" if runs["final_val_accuracy"].notna().any() or runs["accuracy_cost"].notna().any() else "loss"
        )
        cost = runs[f"{measure}_cost"].dropna() * (100.0 if measure == "accuracy" else 1.0)
        found = ranking.difference(cost, len(points))
        lost = int(runs["diverged"].sum())
        place = {"mistake": runs["mistake"].iloc[0], "label": points[point], "measure": measure}
        rows.append({**place, **found, "hidden": int((cost <= 0).sum()), "diverged": lost})
    return pd.DataFrame(rows)[PRICE].sort_values(["measure", "mean"], ascending=[True, False], ignore_index=True)


def _points(wrong: pd.DataFrame, names: list[str]) -> tuple[pd.Series, dict[int, str]]:
    """Each run's setting by number, and their labels: the mistake, and what else varies for one mistake."""
    number = wrong.groupby(names, dropna=False, sort=False).ngroup()
    first = wrong[~number.duplicated()].set_axis(number[~number.duplicated()])
    others = [name for name in names if name != "mistake"]
    own = [name for name in others if (first.groupby("mistake")[name].nunique(dropna=False) > 1).any()]
    return number, {
        point: " · ".join([row["mistake"], *(f"{name} {row[name]}" for name in own)]) for point, row in first.iterrows()
    }


def surely(prices: pd.DataFrame) -> pd.DataFrame:
    """The prices whose interval lies above zero."""
    return prices[prices["ci_low"] > 0]


def surely_better(prices: pd.DataFrame) -> pd.DataFrame:
    """The prices whose interval lies below zero: the wrong loop ended better than the right one."""
    return prices[prices["ci_high"] < 0]
