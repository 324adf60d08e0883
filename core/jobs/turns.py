"""Whose task is handed out next: few tasks are under way at once, and all sweeps of a process share them fairly."""

from __future__ import annotations

import threading
import time

FORGOTTEN = 2.0  # seconds without a new call after which who waits is passed over


class Turns:
    """Places for tasks. The sweep with the fewest tasks under way has the next one, of equals the shorter.

    So a short sweep is never stuck behind a night's, and what is handed out, and so its memory, is bounded however many
    sweeps are asked for.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._taken = 0
        self._waiting: dict[int, tuple[int, float, float]] = {}
        self._lock = threading.Lock()

    def take(self, sweep: object, under_way: int, seconds_left: float) -> bool:
        """Whether a place is free and it is the turn of ``sweep``, which has so many tasks under way; it has it then."""
        now = time.monotonic()
        with self._lock:
            self._waiting[id(sweep)] = (under_way, seconds_left, now)
            rivals = [claim[:2] for claim in self._waiting.values() if now - claim[2] < FORGOTTEN]
            if self._taken >= self.places or min(rivals) < (under_way, seconds_left):
                return False
            del self._waiting[id(sweep)]
            self._taken += 1
            return True

    def give_back(self, places: int = 1) -> None:
        """Frees places whose tasks have ended."""
        with self._lock:
            self._taken -= places

    def leave(self, sweep: object) -> None:
        """Ends the wait of ``sweep``."""
        with self._lock:
            self._waiting.pop(id(sweep), None)
