"""Ultralytics' ``results.csv``, YOLOv5 to v11: padded names, a loss per part, several rates."""

from __future__ import annotations

import math

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.content import Content
from core.logs.tables import csv_rows, header

FORMAT = "Ultralytics results.csv"


def sniff(content: Content) -> bool:
    """Whether it is a table with train/…loss and a rate per group."""
    names = header(content)
    losses = any(name.startswith("train/") and name.endswith("loss") for name in names)
    return losses and any(name.startswith(("metrics/", "val/", "lr/pg", "x/lr")) for name in names)


def read(content: Content) -> list[Trace]:
    """The runs in it; the main loss is that of the boxes, and not finite where any part is not."""
    names = header(content)
    table = with_main_loss(list(csv_rows(content)), names)
    rates = sorted(name for name in names if name.startswith(("lr/", "x/lr")))
    bias = _warms_down(table, rates)
    facts = {"bias_rate": bias} if bias else {}
    ordered = [{name: row[name] for name in sorted(row, key=lambda name: name == bias)} for row in table]
    return rows.traces(ordered, FORMAT, content.source, facts)


def with_main_loss(table: list[rows.Row], names: list[str]) -> list[dict[str, float]]:
    """The rows, in which the loss of the boxes (else of masks or poses) is called train/loss and val/loss."""
    main = next((f"{part}_loss" for part in ("box", "seg", "pose") if f"train/{part}_loss" in names), "loss")
    return [_row(row, main) for row in table]


def _row(row: rows.Row, main: str) -> dict[str, float]:
    """A row in which the main parts are called train/loss and val/loss."""
    values: dict[str, float] = {}
    broken = any(name.startswith("train/") and not math.isfinite(value) for name, value in row.items())
    for name, value in row.items():
        values[name.replace(main, "loss") if name in (f"train/{main}", f"val/{main}") else name] = value
    if broken:
        values["train/loss"] = math.nan
    return values


def _warms_down(table: list[dict[str, float]], rates: list[str]) -> str:
    """The rate of the biases, which starts at 0.1 and falls while the others rise: on purpose."""
    for name in rates:
        values = [row[name] for row in table[:3] if name in row]
        others = [row[other] for row in table[:1] for other in rates if other != name and other in row]
        if values and others and values[0] > 3 * max(others):
            return name
    return ""
