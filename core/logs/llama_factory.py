"""LLaMA-Factory's ``trainer_log.jsonl``: a line per logged step, with the plan in each."""

from __future__ import annotations

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.content import Content
from core.logs.tables import json_rows

FORMAT = "LLaMA-Factory trainer_log.jsonl"
LEFT_OUT = ("total_steps", "percentage")


def sniff(content: Content) -> bool:
    """Whether its lines are records with the current and the total step."""
    return content.head.startswith("{") and '"current_steps"' in content.head and '"total_steps"' in content.head


def read(content: Content) -> list[Trace]:
    """The runs in it."""
    table = list(json_rows(content))
    plans = [row["total_steps"] for row in table if row.get("total_steps", 0) > 0]
    reached = [row["current_steps"] for row in table if "current_steps" in row]
    facts: dict[str, float] = {"default_max_norm": 1.0}
    if plans and reached:
        facts |= {"planned": plans[-1], "reached": reached[-1]}
    numbers = [{name: value for name, value in row.items() if name not in LEFT_OUT} for row in table]
    return rows.traces(numbers, FORMAT, content.source, facts)
