"""Keras's CSVLogger: a row per epoch, appended runs one below the other."""

from __future__ import annotations

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.content import Content
from core.logs.tables import csv_rows, header

FORMAT = "Keras CSVLogger"


def sniff(content: Content) -> bool:
    """Whether it is a table with a loss per epoch, in Keras's names."""
    names = set(header(content))
    return "loss" in names and "step" not in names and ("epoch" in names or "val_loss" in names)


def read(content: Content) -> list[Trace]:
    """The runs in it."""
    return rows.traces(csv_rows(content), FORMAT, content.source)
