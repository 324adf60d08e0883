"""Hugging Face's ``trainer_state.json``: the Trainer's history and its plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.cells import number
from core.logs.content import Content

FORMAT = "Hugging Face trainer_state.json"
MOST_CHARACTERS = 64 * 2**20
MEANS = ("train_runtime", "train_samples_per_second")  # rows of a whole training, whose loss is its average


def sniff(content: Content) -> bool:
    """Whether it is a Trainer's state."""
    return content.head.startswith("{") and '"log_history"' in content.text


def read(content: Content) -> list[Trace]:
    """Its one run; ValueError where it is damaged."""
    state = loaded(content)
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list):
        raise ValueError(f"{content.source}: log_history must be a list of what was logged")
    facts: dict[str, Any] = {"default_max_norm": 1.0}
    for name, fact in (("max_steps", "planned"), ("global_step", "reached"), ("max_grad_norm", "max_norm")):
        value = number(state.get(name))
        if value is not None and value > 0:
            facts[fact] = value
    return rows.traces(logged(history), FORMAT, content.source, facts)


def logged(history: Iterable[object]) -> Iterable[rows.Row]:
    """The numbers of each entry; entries about the whole training left out."""
    for entry in history:
        if not isinstance(entry, dict) or any(name in entry for name in MEANS):
            continue
        values = {}
        for name, value in entry.items():
            read = number(value)
            if value is None and "loss" in str(name):
                read = float("nan")
            if read is not None:
                values[str(name)] = read
        yield values


def loaded(content: Content) -> Any:
    """The JSON in a file; ValueError where it is none, is too large or nested too deep."""
    if len(content.text) > MOST_CHARACTERS:
        raise ValueError(f"{content.source}: JSON of more than {MOST_CHARACTERS // 2**20} MB is not read")
    try:
        return json.loads(content.text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{content.source}: is damaged JSON ({str(error)[:80]})") from None
