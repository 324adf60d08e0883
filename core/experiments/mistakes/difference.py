"""A wrong loop beside the right one, as people write them, the lines that differ marked."""

from __future__ import annotations

import difflib
import re
from typing import Any

from core.experiments.mistakes.loop import Loop, loop_of, right_loop
from core.experiments.mistakes.script import loop_source
from core.scripts.text import IMPORT, indented

SHORT = {  # what keeps runs alike is no part of a loop as people write it
    re.escape(', generator=generator("order", epoch)'): "",
    r"\.double\(\)": "",
    ", nesterov=False": "",
    r"\bfunctional\.": "F.",
    r"\btorch\.optim\.(lr_scheduler\.)?": "",
    r"\btrain_labels\[\w+\]": "y",
    r"(order = .*)\btrain_(inputs|labels)": r"\1\2",
}
BATCH = re.compile(r"^( *)output = model\(train_inputs\[(\w+)\]\)", re.MULTILINE)
ANCHORS = ("loss.backward()", "optimizer.step()")  # of two lines that have changed places, the other one has moved


def difference(settings: Any) -> str:
    """The settings' loop as text for a ``diff``: - before a wrong line, + before a right one."""
    loops = loop_of(settings), right_loop(settings)
    wrong, right = (_written(settings, loop, other) for loop, other in (loops, loops[::-1]))
    forth, back = _differences(wrong, right), _differences(wrong[::-1], right[::-1])[::-1]
    lines = min(forth, back, key=lambda found: sum(sign == "-" and text.strip() in ANCHORS for sign, text in found))
    return "\n".join(f"{sign} {text}".rstrip() for sign, text in lines)


def _differences(wrong: list[str], right: list[str]) -> list[tuple[str, str]]:
    """(sign, line): - of the wrong loop alone, + of the right one, blank of both."""
    return [(line[0], line[2:]) for line in difflib.ndiff(wrong, right) if line[0] != "?"]


def _written(settings: Any, loop: Loop, other: Loop) -> list[str]:
    """The loop's lines; how data are read and how it validates only where the two differ in it."""
    parts = [getattr(loop, name) for name in ("data", "validation") if getattr(loop, name) != getattr(other, name)]
    text = "\n\n".join([*(_bare(part) for part in parts), _loop(settings, loop)])
    for piece, shorter in SHORT.items():
        text = re.sub(piece, shorter, text)
    return text.splitlines()


def _bare(source: str) -> str:
    """Source without imports, docstrings and what only measures."""
    lines = [line for line in IMPORT.sub("", source).strip().splitlines() if '"""' not in line]
    end = next((number for number, line in enumerate(lines) if line.startswith("    right = ")), len(lines))
    return "\n".join([*lines[:end], *(["    return loss_of(output, validation_labels)"] if end < len(lines) else [])])


def _loop(settings: Any, loop: Loop) -> str:
    made = "\n".join(line for line in (loop.optimizer, loop.scheduler) if line)
    batch = "\n".join(line for line in loop_source(settings, loop) if line)
    last = "\n".join(
        line for line in ("val_loss = validated()", loop.epoch_ends.replace('row["val_loss"]', "val_loss")) if line
    )
    epoch = "\n".join(line for line in (loop.epoch_begins, loop.order) if line)
    head = f"{made}\nfor epoch in range(EPOCHS):\n{indented(epoch, 1)}\n    for picked in order.split(BATCH_SIZE):"
    source = f"{head}\n{indented(batch, 2)}\n{indented(last, 1)}"
    return BATCH.sub(r"\1x, y = inputs[\2], labels[\2]\n\1output = model(x)", source)
