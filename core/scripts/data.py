"""The rows that a script trains on: a batch of the run's own, or the batches of a table."""

from __future__ import annotations

from core.parts.datasets import DATASETS, Dataset
from core.registry import Part
from core.scripts.text import cast

LINE = 120  # columns of a line of source


def drawn_anew(dataset: str) -> bool:
    """Whether each run draws its own batch, which it then sees at every step."""
    return DATASETS.parse(dataset).entry.rows is None


def own_batch(dataset: str, dtype: str, labelled: bool = True) -> str:
    """``inputs`` and, where asked for, ``labels`` of a run that draws its own."""
    part = DATASETS.parse(dataset)
    lines = part.entry.code(**part.arguments).splitlines()
    return "\n".join(
        f"{line}{cast(dtype)}" if line.startswith("inputs = ") else line
        for line in lines
        if labelled or not line.startswith("labels = ")
    )


def table(dataset: str, dtype: str, labelled: bool = True, validated: bool = False) -> str:
    """``train_inputs``, ``train_labels``, ``validation_inputs``, ``validation_labels``: those that are asked for."""
    part = DATASETS.parse(dataset)
    whole, classes = part.entry.whole, part.entry.shape(**part.arguments).classes
    lines = [part.entry.code(**part.arguments)]
    if not whole:
        lines.append(_split(part, labelled, validated, bool(classes)))
    if labelled and not classes:
        lines.append("mean, spread = train_labels.mean(), train_labels.std() or 1.0  # standardizes the target too")
    for name in ("train", "validation")[: 1 + validated]:
        inputs = "inputs" if whole else f"scaler.transform({name}_inputs)"
        lines.append(f"{name}_inputs = torch.tensor({inputs}, dtype=torch.float32){cast(dtype)}")
        if labelled and classes:
            lines.append(f"{name}_labels = torch.tensor({'labels' if whole else f'{name}_labels'})")
        elif labelled:
            standardized = f"({name}_labels - mean) / spread"
            lines.append(f"{name}_labels = torch.tensor({standardized}, dtype=torch.float32){cast(dtype)}")
    return "\n".join(lines)


def _split(part: Part[Dataset], labelled: bool, validated: bool, classifies: bool) -> str:
    kinds = ("inputs", "labels")[: 1 + labelled]
    parts = [name for kind in kinds for name in (f"train_{kind}", f"validation_{kind}" if validated else "_")]
    arguments = ", ".join([*kinds, "test_size=0.2", "random_state=0", *(["stratify=labels"] if classifies else [])])
    line = f"{', '.join(parts)} = train_test_split({arguments})"
    if len(line) > LINE:
        line = f"{', '.join(parts)} = train_test_split(\n    {arguments}\n)"
    return f"""\
from sklearn.model_selection import train_test_split
{line}
{part.entry.scaler_code(**part.arguments)}.fit(train_inputs)"""


def first_batch(labelled: bool) -> str:
    """``inputs`` and, where asked for, ``labels``: the first batch of the table."""
    return f"""\
picked = torch.randperm(len(train_inputs), generator=generator("order"))[:BATCH_SIZE]
{"inputs, labels = train_inputs[picked], train_labels[picked]" if labelled else "inputs = train_inputs[picked]"}"""


BATCH = '''
import torch
def batch(step):
    """The batch of a step: a new order every epoch, whose last incomplete batch is dropped."""
    epoch, index = divmod(step, len(train_inputs) // BATCH_SIZE)
    order = torch.randperm(len(train_inputs), generator=generator("order", epoch))
    picked = order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
    return train_inputs[picked], train_labels[picked]
'''
