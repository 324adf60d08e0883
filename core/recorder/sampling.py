"""Which steps are measured dearly, and which are written down: often at first, ever more rarely later."""

from __future__ import annotations

FIRST = 10  # steps measured one and all: where most faults show
GROWTH = 1.5  # then windows at 15, 22, 33 …: 30 of them in an hour of 0.4 ms steps
ROWS = 256  # rows of ``steps`` written before every second one is left out


class Windows:
    """Tells whether the step that begins is measured dearly."""

    def __init__(self, every: int = 0) -> None:
        self._every, self._next, self._left = every, float(FIRST), 0

    def covers(self, step: int, width: int) -> bool:
        """Whether step ``step`` is; a window is ``width`` steps wide, one for each optimizer and more."""
        if step < FIRST * max(1, width // 2):
            return True
        if self._left > 0:
            self._left -= 1
            return True
        due = step % self._every == 0 if self._every else step >= self._next
        if not due:
            return False
        while self._next <= step:
            self._next *= GROWTH
        self._left = width - 1
        return True


class Stride:
    """Rows at every step at first; whenever their number has doubled beyond ``ROWS``, half as often."""

    def __init__(self) -> None:
        self.rows, self.stride, self._room = 0, 1, ROWS

    def due(self, step: int) -> bool:
        """Whether step ``step`` gets a row."""
        if step % self.stride:
            return False
        self.rows += 1
        self._room -= 1
        if self._room <= 0:
            self.stride, self._room = self.stride * 2, ROWS
        return True
