"""Lightning's ``metrics.csv``: train, validation and rate rows of one step stand apart."""

from __future__ import annotations

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.content import Content
from core.logs.tables import csv_rows, header

FORMAT = "Lightning metrics.csv"


def sniff(content: Content) -> bool:
    """Whether it is a table with an epoch and a step, as Lightning's logger writes it."""
    return {"epoch", "step"} <= set(header(content))


def read(content: Content) -> list[Trace]:
    """The runs in it."""
    return rows.traces(csv_rows(content), FORMAT, content.source)
