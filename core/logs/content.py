"""A file as the readers see it: its bytes, and its text in whichever encoding it was written."""

from __future__ import annotations

import codecs
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

MOST_BYTES = 128 * 2**20  # a larger file is refused: reading it would take minutes and gigabytes
HEAD = 65_536
MOST_LINES = 100_000  # of more a sample is read: a course is seen in it as well
WHOLE = 1000  # lines at either end that are always read
Item = TypeVar("Item")


@dataclass(frozen=True)
class Content:
    """The bytes of a file and its name."""

    data: bytes
    source: str

    @cached_property
    def text(self) -> str:
        """Its text; ValueError where it is none."""
        text = decoded(self.data)
        head = text[:HEAD]
        odd = sum(character < " " and character not in "\t\r\n\x1b\x08\x0c" for character in head)
        if odd > 0.01 * len(head):
            raise ValueError(f"{self.source}: is no text and no TensorBoard file, so that no log can be read from it")
        return text

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, of very many a sample; what a progress bar has overwritten counts as lines."""
        return sample(self.every_line)

    @cached_property
    def every_line(self) -> list[str]:
        """All its lines."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def head(self) -> str:
        """The first characters of its text, by which readers recognise it; empty where it is no text."""
        try:
            return self.text[:HEAD].lstrip()
        except ValueError:
            return ""


def sample(items: Sequence[Item]) -> list[Item]:
    """The items, or of very many their ends and a random choice between, always the same, in their order.

    Every n-th would see all of one kind where kinds take turns.
    """
    if len(items) <= MOST_LINES:
        return list(items)
    between = range(WHOLE, len(items) - WHOLE)
    places = sorted(random.Random(0).sample(between, MOST_LINES - 2 * WHOLE))
    return [*items[:WHOLE], *(items[place] for place in places), *items[-WHOLE:]]


def load(path: str | Path) -> Content:
    """The content of a file; ValueError where it can't be read, is empty or too large."""
    place = Path(path)
    try:
        if place.is_dir():
            raise ValueError(f"{place}: is a folder; name the log in it")
        size = place.stat().st_size
        if size > MOST_BYTES:
            raise ValueError(
                f"{place}: holds {size / 2**20:,.0f} MB, but at most {MOST_BYTES / 2**20:.0f} MB are read; keep every tenth line"
            )
        with place.open("rb") as file:
            data = file.read(MOST_BYTES + 1)[:MOST_BYTES]
    except OSError as error:
        raise ValueError(f"{place}: can't be read ({error.strerror or error})") from error
    if not data.strip():
        raise ValueError(f"{place}: is empty")
    return Content(data, str(place))


def decoded(data: bytes) -> str:
    """The text of bytes in UTF-8, UTF-16, GB 18030 or Windows' Western encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    head = data[:4096]
    if len(head) > 3 and b"\0" in head:  # UTF-16 without its mark has a zero in every second place
        for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[start::2].count(0) > 0.8 * len(head[start::2]) and head[1 - start :: 2].count(0) < 0.1 * len(head):
                return data.decode(name, errors="replace")
    if data.startswith(codecs.BOM_UTF8):
        return data[3:].decode("utf-8", errors="replace")
    runs = re.findall(rb"[\x80-\xff]+", data[: 2**20])
    western = sum(len(run) == 1 for run in runs) > 0.5 * len(runs)  # a Chinese character has two such bytes
    for name in ("utf-8",) if western else ("utf-8", "gb18030"):
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            if error.start >= len(data) - 4:  # the file was cut within a character
                return data[: error.start].decode(name, errors="replace")
    return data.decode("cp1252", errors="replace")
