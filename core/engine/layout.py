"""All parameters of R runs as one matrix (R, P), a row per run, with a view for every tensor.

Norms, clipping and optimizer steps then are one call each, whatever the network. Every block starts and ends on a whole
number of ``PAD`` numbers, so that its alignment, and with it a run's bits, do not depend on the stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.engine import padded

if TYPE_CHECKING:
    from torch import Tensor


class Block(NamedTuple):
    """One parameter tensor of a run: ``rows`` × ``columns``, padded; a vector has one column.

    output  it belongs to the network's last layer
    """

    name: str
    rows: int
    columns: int
    start: int
    output: bool

    @property
    def matrix(self) -> bool:
        """Whether it is a matrix, (fan_out, fan_in), not a vector."""
        return self.columns > 1

    @property
    def size(self) -> int:
        """Numbers that it takes in a row of the layout."""
        return self.rows * self.columns

    def view(self, flat: Tensor) -> Tensor:
        """Its part of (R, P), as (R, rows, columns)."""
        return flat[:, self.start : self.start + self.size].unflatten(1, (self.rows, self.columns))


@dataclass(frozen=True)
class Layout:
    """The blocks of a row, in order."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, tensors: Iterable[tuple[str, int, int, bool]]) -> Layout:
        """The layout of (name, rows, columns, output); real sizes are padded, vectors have 0 columns."""
        blocks, start = [], 0
        for name, rows, columns, output in tensors:
            block = Block(name, padded(rows), padded(columns) if columns else 1, start, output)
            blocks.append(block)
            start += block.size
        return cls(tuple(blocks))

    @property
    def size(self) -> int:
        """P, the length of a row."""
        last = self.blocks[-1]
        return last.start + last.size

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Every block of (R, P) by name, as (R, rows, columns)."""
        return {block.name: block.view(flat) for block in self.blocks}
