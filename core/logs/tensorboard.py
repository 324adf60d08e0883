"""TensorBoard's event files: the framing of TFRecord and the few fields of its messages that hold numbers.

Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto, framework/summary.proto and
tensor.proto. Nothing in the file is run; checksums are not looked at, so that a cut file is read up to its last whole
record.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.cells import number
from core.logs.content import Content, sample
from core.logs.names import meaning
from core.logs.ultralytics import with_main_loss

FORMAT = "TensorBoard event file"
FLOAT, DOUBLE, INT32, INT64, HALF = 1, 2, 3, 9, 19  # types of a tensor
WIDTHS = {FLOAT: "<f", DOUBLE: "<d", INT32: "<i", INT64: "<q", HALF: "<e"}
Field = tuple[int, bytes | int]


def sniff(content: Content) -> bool:
    """Whether it begins with a record that names the version of event files."""
    return b"brain.Event:" in content.data[:64]


def read(content: Content) -> list[Trace]:
    """The runs in it."""
    facts: dict[str, float] = {}
    table: list[rows.Row] = []
    for record in sample(list(records(content.data))):
        try:
            row, texts = event(record)
        except (ValueError, IndexError, struct.error):
            continue
        for text in texts:
            facts |= arguments(text)
        if len(row) > 1 and not any(tag.endswith(("train_runtime", "total_flos")) for tag in row):
            table.append(row)
    whole = ("train/train_loss", "train_loss")  # Hugging Face logs the average of the training in an event of its own
    if facts:
        table = [{tag: value for tag, value in row.items() if tag not in whole} for row in table]
    table_with_loss = with_main_loss(table, sorted({tag for row in table for tag in row}))
    return rows.traces(_same_steps([row for row in table_with_loss if len(row) > 1]), FORMAT, content.source, facts)


def _same_steps(table: Sequence[rows.Row]) -> Sequence[rows.Row]:
    """The rows with one clock: validation counted in epochs beside a loss counted in steps is spread over them."""
    steps: dict[str, list[float]] = {}
    for row in table:
        for tag in row:
            if meaning(tag).role in ("loss", "accuracy"):
                steps.setdefault(tag, []).append(row["step"])
    longest = max((places[-1] for places in steps.values()), default=0.0)
    factors = {
        tag: longest / places[-1]
        for tag, places in steps.items()
        if len(places) > 2 and places[-1] - places[0] == len(places) - 1 and 0 < 10 * places[-1] < longest
    }
    if not factors:
        return table
    return [
        {**row, "step": row["step"] * max((factors.get(tag, 1.0) for tag in row if tag != "step"), default=1.0)}
        for row in table
    ]


def records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file: length (8 bytes), its checksum (4), data, its checksum (4)."""
    at = 0
    while at + 16 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        if at + 12 + size > len(data):
            return
        yield data[at + 12 : at + 12 + size]
        at += 16 + size


def event(record: bytes) -> tuple[dict[str, float], list[str]]:
    """The numbers of an event by tag, with its step, and its texts."""
    row, texts = {"step": 0.0}, []
    for field, value in fields(record):
        if field == 2 and isinstance(value, int):
            row["step"] = float(value - (1 << 64) if value >> 63 else value)
        elif field == 5 and isinstance(value, bytes):
            for inner, summary in fields(value):
                if inner == 1 and isinstance(summary, bytes):
                    tag, scalar, text = _summary(summary)
                    if scalar is not None:
                        row[tag] = scalar
                    texts += text
    return row, texts


def _summary(value: bytes) -> tuple[str, float | None, list[str]]:
    tag, scalar = "", None
    texts: list[str] = []
    for field, part in fields(value):
        if field == 1 and isinstance(part, bytes):
            tag = part.decode("utf-8", errors="replace")[:200]
        elif field == 2 and isinstance(part, bytes) and len(part) == 4:
            scalar = float(struct.unpack("<f", part)[0])
        elif field == 8 and isinstance(part, bytes):
            scalar, texts = tensor(part)
    return tag, scalar, texts


def tensor(value: bytes) -> tuple[float | None, list[str]]:
    """The number of a tensor of one element, and its strings."""
    kind, whole, several = 0, b"", False
    numbers: list[float] = []
    texts: list[str] = []
    for field, part in fields(value):
        if field == 1 and isinstance(part, int):
            kind = part
        elif field == 2 and isinstance(part, bytes):
            several = any(_size(dimension) > 1 for inner, dimension in fields(part) if inner == 2)
        elif field == 4 and isinstance(part, bytes):
            whole = part
        elif field in (5, 6) and isinstance(part, bytes):
            width = "<f" if field == 5 else "<d"
            numbers += [float(item[0]) for item in struct.iter_unpack(width, part)]
        elif field in (7, 10):
            numbers += [float(part)] if isinstance(part, int) else [float(_varint(part, 0)[0])]
        elif field == 8 and isinstance(part, bytes):
            texts.append(part.decode("utf-8", errors="replace"))
    if kind in WIDTHS and len(whole) == struct.calcsize(WIDTHS[kind]):
        numbers = [float(struct.unpack(WIDTHS[kind], whole)[0])]
    return (numbers[0] if len(numbers) == 1 and not several else None), texts


def _size(dimension: bytes | int) -> int:
    if not isinstance(dimension, bytes):
        return 1
    return next((int(size) for field, size in fields(dimension) if field == 1 and isinstance(size, int)), 1)


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a protocol buffer: number and value (varints as integers, everything else as bytes)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        if at + size > len(message):
            raise ValueError("a field ends after its message")
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if not byte & 128:
            return value, at
        if shift > 63:
            raise ValueError("a number is too long")


def arguments(text: str) -> dict[str, float]:
    """What Hugging Face's arguments, kept as JSON in a text, say about clipping and the plan."""
    start = text.find("{")
    if start < 0 or '"max_grad_norm"' not in text:
        return {}
    try:
        arguments = json.loads(text[start : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return {}
    facts: dict[str, float] = {}
    for name, fact in (("max_grad_norm", "max_norm"), ("gradient_accumulation_steps", "accumulation")):
        value = number(arguments.get(name)) if isinstance(arguments, dict) else None
        if value is not None and math.isfinite(value) and value > 0:
            facts[fact] = value
    return facts
