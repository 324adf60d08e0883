"""What other tools' trainings leave behind, as traces: one file per format, recognised by content.

Sentences about what can't be read are ValueErrors; nothing in a file is ever run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.diagnosis.trace import Trace
from core.logs import (
    hugging_face_console,
    hugging_face_state,
    keras,
    lightning,
    llama_factory,
    plain_text,
    tables,
    tensorboard,
    ultralytics,
    wandb,
)
from core.logs.content import MOST_LINES, Content, load

FORMATS = (  # the first that recognises a file reads it: from what is sure to what fits anything
    tensorboard,
    hugging_face_state,
    llama_factory,
    wandb,
    ultralytics,
    lightning,
    keras,
    tables,
    hugging_face_console,
    plain_text,
)


def read(path: str | Path) -> list[Trace]:
    """The trace of each run in a log; ValueError with a sentence where it can't be read."""
    return read_content(load(path))


def read_content(content: Content) -> list[Trace]:
    """The trace of each run in the content of a log; ValueError with a sentence where it can't be read."""
    for format in FORMATS:
        if format.sniff(content):
            traces = format.read(content)
            if format not in (keras, tables) or any(len(trace.steps["step"]) for trace in traces):
                return [sampled(trace, content) for trace in traces]
    if not content.text.strip():
        raise ValueError(f"{content.source}: is empty")
    raise ValueError(
        f"{content.source}: no loss, step or epoch was found in it; it must be a training log, such as a CSV with a column loss"
    )


def sampled(trace: Trace, content: Content) -> Trace:
    """The trace, which says so where a sample of the lines was read."""
    if "every_line" not in vars(content) or len(content.every_line) <= MOST_LINES:
        return trace
    says = f"{trace.facts['says']}; of {len(content.every_line):,} lines a sample of {MOST_LINES:,} was read"
    return replace(trace, facts={**trace.facts, "says": says})
