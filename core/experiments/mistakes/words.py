"""A price in words: how much, how sure, how well hidden."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.words import three_digits

UNITS = {"accuracy": "points of accuracy", "loss": "of validation loss"}


def amount(price: pd.Series) -> str:
    """``34.1 points of accuracy``."""
    return f"{three_digits(abs(price['mean']))} {UNITS[price['measure']]}"


def interval(price: pd.Series) -> str:
    """``25.7 to 42.5, n = 10``; of one seed there is none."""
    seeds = f"n = {int(price['n'])}"
    if pd.isna(price["ci_low"]):
        return seeds
    return f"interval {three_digits(price['ci_low'])} to {three_digits(price['ci_high'])}, {seeds}"


def hiding(price: pd.Series) -> str:
    """On how many seeds the wrong loop ended no worse than the right one."""
    seeds = int(price["n"])
    return f"hidden on {int(price['hidden'])} of {seeds} seeds" if price["hidden"] else f"seen on all {seeds} seeds"


def sentence(price: Any) -> str:
    """The price of one wrong loop, as far as its seeds show one."""
    if not price["n"]:
        return f"{price['label']}: no pair with its right loop has finished yet"
    if pd.isna(price["ci_low"]):
        return f"{price['label']}: {three_digits(price['mean'])} {UNITS[price['measure']]} on one seed, which shows no price"
    if price["ci_low"] > 0:
        return f"{price['label']} costs {amount(price)} ({interval(price)}); {hiding(price)}"
    if price["ci_high"] < 0:
        return f"{price['label']} ends {amount(price)} better than the right loop here ({interval(price)})"
    return f"{price['label']} has no price that {int(price['n'])} seeds show: {three_digits(price['mean'])} {UNITS[price['measure']]} ({interval(price)})"
