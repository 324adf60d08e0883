"""What Hugging Face's Trainer prints: ``{'loss': 2.3, 'grad_norm': 1.1, 'learning_rate': 5e-05, 'epoch': 0.1}``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.cells import number
from core.logs.content import Content

FORMAT = "Hugging Face console output"
ENTRY = re.compile(r"\{\s*'[^{}]{1,4000}\}")
PAIR = re.compile(r"'([\w/ .@-]{1,80})'\s*:\s*('[^']{0,60}'|[^,}\s]{1,60})")


def sniff(content: Content) -> bool:
    """Whether there are lines with a loss and an epoch in braces."""
    entries = ENTRY.finditer(content.text, 0, 4_000_000)
    return any("loss'" in entry.group() and "'epoch'" in entry.group() for entry in entries)


def read(content: Content) -> list[Trace]:
    """The runs that were printed one after the other."""
    return rows.traces(_entries(content), FORMAT, content.source, {"default_max_norm": 1.0})


def _entries(content: Content) -> Iterable[rows.Row]:
    for line in content.lines:
        for entry in ENTRY.finditer(line):
            values = {}
            for name, cell in PAIR.findall(entry.group()):
                value = number(cell)
                if value is not None:
                    values[name] = value
            if "train_runtime" not in values and values:
                yield values
