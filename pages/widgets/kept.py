"""What is dear to make and looked at by many: made once for all sessions, and kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
FEWEST = 16  # kept whatever they weigh


class Kept:
    """Values by key, of ``most`` in weight together, but for the last ones; what nobody has asked for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """The value of ``key``, which ``make`` makes for the first who asks; the others wait for it."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if not entry.made:  # or it was tried and went wrong
                entry.value = make()
                entry.weight, entry.made = weigh(entry.value), True
                self._make_room()
            return entry.value

    def __len__(self) -> int:
        return len(self._entries)

    def _make_room(self) -> None:
        with self._lock:
            weight = sum(entry.weight for entry in self._entries.values())
            while weight > self._most and len(self._entries) > FEWEST:
                _, oldest = self._entries.popitem(last=False)
                weight -= oldest.weight


class _Entry:
    """A place for a value that somebody makes."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.made = False
        self.weight = 0
        self.value: Any = None
