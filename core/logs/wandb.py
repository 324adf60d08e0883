"""Weights & Biases' ``wandb-summary.json``: the last value of each number, no course."""

from __future__ import annotations

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.content import Content
from core.logs.hugging_face_state import loaded
from core.logs.tables import flat

FORMAT = "W&B summary"
MARKS = ('"_runtime"', '"_timestamp"', '"_step"', '"_wandb"')


def sniff(content: Content) -> bool:
    """Whether it is one record with W&B's own fields."""
    if not content.head.startswith("{") or not any(mark in content.head for mark in MARKS):
        return False
    return "}\n{" not in content.head


def read(content: Content) -> list[Trace]:
    """Its last values, as a course of one row."""
    record = loaded(content)
    if not isinstance(record, dict):
        raise ValueError(f"{content.source}: must be one record of last values")
    values = {name: value for name, value in flat(record).items() if not name.startswith("_wandb/")}
    return rows.traces([values], FORMAT, content.source, {"last_values": True})
