"""The numbers above the charts, and the answer in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.experiments.mistakes.settings import RIGHT
from core.experiments.mistakes.summary import prices, surely, surely_better
from core.experiments.mistakes.words import amount, hiding, interval, sentence
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def answer(experiment: Experiment, analysis: Analysis) -> str:
    """What the frame says to the question, in a sentence; empty where it says nothing yet."""
    table = prices(experiment, analysis)
    if table.empty:
        return "The right loop alone has no price: each wrong line is compared with its own."
    if len(table) == 1:
        return f"{sentence(table.iloc[0])}."
    sure = surely(table)
    if sure.empty:
        return f"None of {len(table)} wrong lines costs anything that these seeds show."
    spans = ", ".join(_span(block) for _, block in sure.groupby("measure"))
    gains = len(surely_better(table))
    rest = len(table) - len(sure) - gains
    quiet = f"; {rest} {'shows' if rest == 1 else 'show'} no price" if rest else ""
    quiet += f", {gains} {'ends' if gains == 1 else 'end'} better" if gains else ""
    return f"{len(sure)} of {len(table)} wrong lines cost something for sure: {spans}{quiet}."


def _span(prices: pd.DataFrame) -> str:
    """``1.25 to 84.5 points of accuracy``: prices of one measure, the dearest first."""
    dearest, least = amount(prices.iloc[0]), three_digits(prices["mean"].iloc[-1])
    return dearest if least == three_digits(prices["mean"].iloc[0]) else f"{least} to {dearest}"


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): how many cost something, the dearest, the hidden; of one mistake its price."""
    table = prices(experiment, analysis)
    if table.empty:
        return [
            (label, "–", "There is no wrong loop to price yet.")
            for label in ("Price", "Hidden on", "Right loop", "Wrong loop")
        ]
    return _of_one(analysis, table.iloc[0]) if len(table) == 1 else _of_many(table)


def _of_one(analysis: Analysis, price: pd.Series) -> list[tuple[str, str, str]]:
    runs, unit = analysis.runs, "points" if price["measure"] == "accuracy" else "of loss"
    known = pd.notna(price["mean"])
    ends = "final_val_accuracy" if price["measure"] == "accuracy" else "final_val_loss"
    means = runs.groupby(runs["mistake"] == RIGHT)[ends].mean()
    shown = "{:.1%}".format if price["measure"] == "accuracy" else "{:.3g}".format
    lost = f" {int(price['diverged'])} of them diverge and are left out." if price["diverged"] else ""
    return [
        ("Price", f"{price['mean']:.3g} {unit}" if known else "–", f"{sentence(price)}."),
        (
            "Hidden on",
            f"{int(price['hidden'])} of {int(price['n'])} seeds",
            "Seeds on which the wrong loop ended no worse.",
        ),
        *(
            (
                label,
                shown(means[right]) if pd.notna(means.get(right)) else "–",
                f"Mean after the last epoch.{'' if right else lost}",
            )
            for label, right in (("Right loop", True), ("Wrong loop", False))
        ),
    ]


def _of_many(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    sure, gains = surely(table), surely_better(table)
    quiet = table.drop(index=[*sure.index, *gains.index])
    pairs, hidden = int(table["n"].sum()), int(table["hidden"].sum())
    first = sure.iloc[0] if len(sure) else None
    return [
        ("Cost for sure", f"{len(sure)} of {len(table)}", f"Prices whose interval lies above 0. {_gain_words(gains)}"),
        (
            "Dearest" if first is None else f"Dearest: {first['mistake']}",
            "–" if first is None else amount(first).removesuffix(" of accuracy").removesuffix(" of validation loss"),
            "None is sure." if first is None else f"{interval(first)}; {hiding(first)}.",
        ),
        ("No price shown", str(len(quiet)), f"Their interval holds 0: {', '.join(quiet['label']) or 'none'}."),
        (
            "Hidden runs",
            f"{hidden} of {pairs}",
            "Runs of a wrong loop that ended no worse than the right one of the same seed.",
        ),
    ]


def _gain_words(gains: pd.DataFrame) -> str:
    return f"Surely better than the right loop, here: {', '.join(gains['label'])}." if len(gains) else ""
