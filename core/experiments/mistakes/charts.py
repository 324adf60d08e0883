"""The charts of the page: what every wrong line costs; of one, the rate, the loss and the validation beside the right loop's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.mistakes.settings import RIGHT, Mistakes
from core.experiments.mistakes.summary import prices, surely, surely_better
from core.experiments.mistakes.words import sentence
from core.experiments.training.charts import NOTHING, curve_chart, guessing_note, loss_ceiling
from core.plotting.figure import Drawings, Figure, Figures, empty
from core.plotting.series import count_text
from core.plotting.shapes import interval_chart
from core.plotting.style import PALETTE, THEORY
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


GAIN = PALETTE[2]
GROUPS = {"The course": ()}
SAME_RATE = "The learning rate is the same in both loops"
ROW = 12  # pixels of a price: twenty of them stand in a first screen
AXES = {"accuracy": "points of accuracy lost", "loss": "validation loss added"}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """The prices; and where there is one mistake alone, its course beside the right loop's."""
    if analysis.frame.empty:
        return Figures({"price": lambda: empty(NOTHING)}, GROUPS)
    table = prices(experiment, analysis)
    several = table["measure"].nunique() > 1
    drawings: Drawings = {
        f"price_{measure}": partial(price_chart, block, several) for measure, block in table.groupby("measure")
    }
    if table["mistake"].nunique() < 2:
        rows = analysis.finite
        drawings = {**_courses(rows, lambda: _validation_title(rows)), **drawings}
    return Figures(drawings, GROUPS)


def price_chart(table: pd.DataFrame, several: bool = False) -> Figure:
    """What the wrong loops of one measure cost, with intervals; ``several``: others are priced by another measure."""
    sure, gains = (set(block["label"]) for block in (surely(table), surely_better(table)))
    labels = list(table["label"])
    colours = [PALETTE[0] if label in sure else GAIN if label in gains else THEORY for label in labels]
    if len(table) > 1:
        priced = f" priced by {_what(table)}" if several else ""
        title = f"{len(sure)} of {len(table)} wrong lines{priced} cost {'some' if several else _what(table)} for sure"
        together = f", which holds for all {len(table)} together (Student's t, Bonferroni)"
    else:
        title, together = sentence(table.iloc[0]), " (Student's t)"
    drawn = interval_chart(
        table,
        "label",
        title,
        AXES[table["measure"].iloc[0]],
        f"Dot: mean over n = {count_text(table['n'])} seeds of the right loop minus the wrong one; line: its interval{together}. "
        f"Blue: the interval lies above 0{'; green: below, better than the right loop' if gains else ''}. A run that was "
        "lost counts as guessing.",
        alt.Scale(domain=labels, range=colours),
        zero_line=True,
    )
    height = max(60, ROW * len(table))
    return replace(drawn, height=height, flat=several and len(table) == 1)


def _what(table: pd.DataFrame) -> str:
    return "accuracy" if table["measure"].iloc[0] == "accuracy" else "loss"


def pair(frame: pd.DataFrame, mistake: str) -> pd.DataFrame:
    """The rows of one mistake and of its own right loop."""
    shared = [name for name in Mistakes.names() if name != "mistake"]
    keys = pd.Series(list(frame[shared].astype(object).fillna("").itertuples(index=False)), frame.index)
    wrong = frame["mistake"] == mistake
    return frame[wrong | (frame["mistake"] == RIGHT) & keys.isin(set(keys[wrong]))]


def pair_charts(experiment: Experiment, analysis: Analysis, mistake: str) -> Figures:
    """Validation, loss and rate of one mistake beside its own right loop."""
    rows = pair(analysis.finite, mistake)
    table = prices(experiment, analysis)
    own = table[table["mistake"] == mistake]
    title = sentence(own.iloc[0]) if len(own) == 1 else f"{mistake} beside the right loop"
    return Figures(_courses(rows, lambda: title), GROUPS)


def _courses(rows: pd.DataFrame, title: Callable[[], str]) -> Drawings:
    names = Mistakes.names()
    classifies = rows["val_accuracy"].notna().any()
    measure = "val_accuracy" if classifies else "val_loss"
    drawings: Drawings = {
        "validation": lambda: curve_chart(rows, names, measure, "epoch", title(), guessing_note(rows, measure)),
        "loss": lambda: curve_chart(
            rows, names, "train_loss", "epoch", _loss_title(rows), "As the loop itself sees it.", loss_ceiling(rows)
        ),
        "rate": lambda: _rate_chart(rows),
    }
    if classifies:
        drawings["val_loss"] = lambda: curve_chart(
            rows, names, "val_loss", "epoch", _end_title(rows), ceiling=loss_ceiling(rows)
        )
    return drawings


def _rate_chart(rows: pd.DataFrame) -> Figure:
    title = _rate_title(rows)
    return replace(curve_chart(rows, Mistakes.names(), "lr", "step", title), flat=title == SAME_RATE)


def _last(rows: pd.DataFrame, measure: str) -> dict[str, float]:
    """The median over seeds of a measure of the last epoch, by mistake."""
    end = rows[rows["epoch"] == rows["epoch"].max()]
    return end.groupby("mistake", sort=False)[measure].median().to_dict()


def _validation_title(rows: pd.DataFrame) -> str:
    if rows["val_accuracy"].notna().any():
        return f"The validation accuracy ends at {_beside(_last(rows, 'val_accuracy'), '{:.1%}'.format)}"
    return _end_title(rows)


def _loss_title(rows: pd.DataFrame) -> str:
    return f"The training loss ends at {_beside(_last(rows, 'train_loss'))}"


def _end_title(rows: pd.DataFrame) -> str:
    return f"The validation loss ends at {_beside(_last(rows, 'val_loss'))}"


def _beside(ends: dict[str, float], shown: Callable[[float], str] = three_digits) -> str:
    """``0.113 with the right line, 2.33 with the wrong one (medians)``."""
    words = []
    for name, value in sorted(ends.items(), key=lambda entry: entry[0] != RIGHT):
        number = shown(value) if np.isfinite(value) else "no number"
        words.append(f"{number} {'with the right line' if name == RIGHT else 'with the wrong one'}")
    return f"{', '.join(words)} (medians)"


def _rate_title(rows: pd.DataFrame) -> str:
    courses = rows.groupby(["mistake", "step"], sort=False)["lr"].median().unstack(0)
    if courses.shape[1] < 2:
        return "The learning rate"
    apart = courses.nunique(axis=1) > 1
    return SAME_RATE if not apart.any() else f"The learning rates differ at {apart.mean():.0%} of the updates"
