"""From the rows of a log to traces: runs told apart, doubled lines merged, names made ours.

A row is ``name -> number``; what was not logged in it is absent, what was NaN is NaN.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from core.diagnosis.trace import Trace
from core.logs.names import Meaning, meaning, plain

Row = Mapping[str, float]
MOST_NUMBERS = 3_000_000  # more would take gigabytes
RECENT = 3  # rows among which a doubled line is looked for: two processes write one after the other
RESTART = 0.1  # a step that falls back to within this share of the way is a new run, a later one a resumed run
GAMES = {
    "d",
    "g",
    "gen",
    "disc",
    "discriminator",
    "generator",
    "adv",
    "gan",
    "actor",
    "critic",
    "policy",
    "value",
    "entropy",
}
METRICS = 40  # further columns that are kept


def traces(rows: Iterable[Row], format: str, source: str, facts: Mapping[str, Any] | None = None) -> list[Trace]:
    """A trace per run in the rows of a file; ValueError where there are more numbers than can be held."""
    runs = split(once(rows, source))
    by_run = [one(run, format, source, dict(facts or {})) for run in runs]
    if len(by_run) < 2:
        return by_run or [one([], format, source, dict(facts or {}))]
    return [_with_name(trace, str(number)) for number, trace in enumerate(by_run, 1)]


def _with_name(trace: Trace, name: str) -> Trace:
    return Trace(trace.steps, trace.layers, trace.events, trace.facts, trace.source, name)


def once(rows: Iterable[Row], source: str) -> list[Row]:
    """The rows without those that stand a second time within a few lines."""
    unique: list[Row] = []
    recent: deque[tuple[tuple[str, str], ...]] = deque(maxlen=RECENT)
    numbers = 0
    for row in rows:
        if not row:
            continue
        key = tuple(sorted((name, repr(value)) for name, value in row.items()))
        if any(meaning(name).role in ("step", "epoch") for name in row):
            if key in recent:
                continue
            recent.append(key)
        unique.append(row)
        numbers += len(row)
        if numbers > MOST_NUMBERS:
            raise ValueError(f"{source}: holds more than {MOST_NUMBERS:,} numbers; keep every tenth line and try again")
    return unique


def split(rows: list[Row]) -> list[list[Row]]:
    """The rows of each run: where the step (the epoch, where no step goes on) falls back, another begins.

    A step that falls back to the middle is a run resumed from its checkpoint: its rows replace the ones from there on.
    """
    names = {name: meaning(name) for row in rows for name in row}
    clock = _clock(rows, names)
    if clock is None:
        return [rows] if rows else []
    runs: list[list[Row]] = [[]]
    last: dict[str, float] = {}
    first = top = math.nan
    for row in rows:
        now = row.get(clock, math.nan)
        if math.isfinite(now):
            logged = [name for name in row if names[name].role not in ("step", "epoch")]
            back = any(now < last.get(name, -math.inf) for name in logged)
            if back and now < top:
                if now <= first + RESTART * (top - first):
                    runs.append([])
                    first, top = now, now
                else:
                    runs[-1] = [old for old in runs[-1] if not old.get(clock, -math.inf) >= now]
                    top = now
                last = {}
            last.update(dict.fromkeys(logged, now))
            first = now if math.isnan(first) else min(first, now)
            top = now if math.isnan(top) else max(top, now)
        runs[-1].append(row)
    return [run for run in runs if run]


def _clock(rows: list[Row], names: Mapping[str, Meaning]) -> str | None:
    """The column that counts: the step; the epoch where there is none, or where the step starts anew in each epoch."""
    steps = sorted((name for name, what in names.items() if what.role == "step"), key=lambda name: names[name].rank)
    epochs = [name for name, what in names.items() if what.role == "epoch"]
    best = max(epochs, key=lambda name: sum(name in row for row in rows)) if epochs else None
    for step in steps:
        values = [row[step] for row in rows if step in row]
        if best is None:
            return step
        both = [(row[step], row[best]) for row in rows if step in row and best in row]
        anew = sum(b < a and later > before for (a, before), (b, later) in pairwise(both))
        if len(set(values)) > 1 and not anew:
            return step
    return best


def one(rows: list[Row], format: str, source: str, facts: dict[str, Any]) -> Trace:
    """The trace of one run."""
    names = {name: meaning(name) for row in rows for name in row}
    clock = _clock(rows, names)
    by_epoch = clock is not None and names[clock].role == "epoch"
    crowded = by_epoch and not facts.get("overwritten") and _crowded(rows, names, str(clock))
    anew = crowded or (by_epoch and any(what.role == "step" for what in names.values()))
    table, unit = _merged(rows, clock, anew, bool(facts.pop("overwritten", False)))
    steps = _columns(table, names, clock, unit)
    if any(GAMES & set(plain(name).split("_")) for name, what in names.items() if what.role == "loss"):
        facts["game"] = True
    facts |= {"format": format, "clock": unit, "rows": len(table)}
    facts["says"] = says(steps, facts)
    return Trace(steps=steps, facts=facts, source=source)


def _crowded(rows: list[Row], names: Mapping[str, Meaning], clock: str) -> bool:
    """Whether several losses stand in each epoch, one after the other, so that the epoch does not count them."""
    losses = [row.get(clock, math.nan) for row in rows if any(names[name].role == "loss" for name in row)]
    train = [name for name, what in names.items() if what.role == "loss" and what.split in ("", "train")]
    most = max((sum(name in row for row in rows) for name in train), default=0)
    return most > 2.5 * len(set(losses))


def _merged(rows: list[Row], clock: str | None, anew: bool, overwritten: bool) -> tuple[list[dict[str, float]], str]:
    """Rows of one step as one row; rows without a step belong to the one before them.

    Of two values of one step the first holds, or the last where a progress bar overwrites the ones before.
    """
    if clock is None or anew:
        table = [dict(row) for row in rows]
        return table, "row"
    by_step: dict[float, dict[str, float]] = {}
    now = math.nan
    for row in rows:
        now = row.get(clock, now)
        key = now if math.isfinite(now) else -math.inf
        row_of_step = by_step.setdefault(key, {})
        if overwritten:
            row_of_step.update(row)
        for name, value in row.items():
            row_of_step.setdefault(name, value)
    keys = sorted(by_step)
    return [by_step[key] for key in keys], "epoch" if meaning(clock).role == "epoch" else "step"


def _columns(
    table: list[dict[str, float]], names: Mapping[str, Meaning], clock: str | None, unit: str
) -> dict[str, np.ndarray]:
    """The columns of a trace; a number that is not finite where one was logged stands as infinite in losses and norms."""
    counts = {name: sum(name in row for row in table) for name in names}
    step = np.arange(len(table), dtype=float)
    if clock is not None and unit != "row":
        step = _filled(np.array([row.get(clock, math.nan) for row in table], dtype=float))
    steps: dict[str, np.ndarray] = {"step": step}
    epoch = next((name for name, what in names.items() if what.role == "epoch"), None)
    if epoch is not None:
        steps["epoch"] = _values(table, epoch)
    role_columns: set[str] = set()
    for role in ("loss", "accuracy"):
        for split, name in _columns_of_role(names, counts, role).items():
            values = _values(table, name, nan_is_infinite=role == "loss")
            if role == "accuracy" and np.nanmax(np.where(np.isfinite(values), values, 0.0), initial=0.0) > 1.5:
                values = values / 100.0  # in percent
            steps[f"{split}_{role}"] = values
            role_columns.add(name)
    for role in ("grad_norm", "clipped_grad_norm"):
        whose = sorted((name for name, what in names.items() if what.role == role), key=lambda name: names[name].rank)
        if whose:
            steps[role] = _values(table, whose[0], nan_is_infinite=True)
            role_columns.add(whose[0])
    rates = [name for name, what in names.items() if what.role == "lr"]
    for number, name in enumerate(rates[:8], 1):
        steps["lr" if number == 1 else f"lr_{number}"] = _values(table, name)
        role_columns.add(name)
    others = [
        name for name, what in names.items() if name not in role_columns and what.role in ("other", "loss", "accuracy")
    ]
    for name in others[:METRICS]:
        steps.setdefault(plain(name) or "value", _values(table, name))
    return _zero_beside_nan(steps)


def _columns_of_role(names: Mapping[str, Meaning], counts: Mapping[str, int], role: str) -> dict[str, str]:
    """The column of each split with that role: the plainest name, then the one logged most often."""
    columns: dict[str, str] = {}
    fitting = [name for name, what in names.items() if what.role == role]
    fitting.sort(key=lambda name: (names[name].rank, -counts[name]))
    for name in fitting:
        split = names[name].split
        if split != "test":
            columns.setdefault(split or "train", name)
    for name in fitting:
        if names[name].split == "test" and counts[name] > 1:
            columns.setdefault("val", name)
    return columns


def _values(table: list[dict[str, float]], name: str, nan_is_infinite: bool = False) -> np.ndarray:
    """A column, NaN where nothing was logged; infinite where NaN was, if ``nan_is_infinite``."""
    values = np.array([row.get(name, math.nan) for row in table], dtype=float)
    if nan_is_infinite:
        values[[name in row and not math.isfinite(row[name]) for row in table]] = math.inf
    return values


def _zero_beside_nan(steps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns, in which a loss of exactly 0 beside a norm or a validation loss of NaN is NaN itself."""
    loss = steps.get("train_loss")
    if loss is None:
        return steps
    for other in ("grad_norm", "val_loss"):
        if other in steps:
            lost = np.isinf(steps[other])
            if lost.any():
                zero = (loss == 0.0) & (lost if other == "grad_norm" else lost.any())
                steps["train_loss"] = loss = np.where(zero, math.inf, loss)
    return steps


def _filled(step: np.ndarray) -> np.ndarray:
    """Steps without gaps: a row that has none gets the one before it."""
    last = 0.0
    for place, value in enumerate(step):
        last = float(value) if math.isfinite(value) else last
        step[place] = last
    return step


def says(steps: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """What the source holds, as a sentence: "436 rows, steps 5 to 2,178; learning rate yes, gradient norm no"."""
    step = steps["step"]
    if not len(step):
        return "no rows"
    if facts.get("last_values"):
        return "last values only, no course"
    unit = {"step": "steps", "epoch": "epochs", "row": "rows"}[str(facts["clock"])]
    first, last = (f"{value:,.0f}" if value == round(value) else f"{value:,.6g}" for value in (step[0], step[-1]))
    span = f"{unit} {first} to {last}" if unit != "rows" else "in the order of the file"
    holds = {"learning rate": "lr", "gradient norm": "grad_norm", "validation": "val_loss"}
    presence = ", ".join(
        f"{label} {'yes' if np.isfinite(steps.get(name, np.empty(0))).any() else 'no'}" for label, name in holds.items()
    )
    loss = "" if "train_loss" in steps else "training loss no, "
    return f"{len(step):,} row{'s' if len(step) != 1 else ''}, {span}; {loss}{presence}"
