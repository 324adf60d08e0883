"""How often what a sweep under way has come to is drawn anew: drawing takes from the time of those who compute."""

from __future__ import annotations

import time
from threading import Lock

SHARE = 0.1  # of the time, at most, for drawing


class Pace:
    """One sweep's pace, for all who look at it."""

    def __init__(self) -> None:
        self._drawn = 0
        self._next = 0.0
        self._lock = Lock()

    def due(self, finished: int) -> int:
        """Of how many runs the result is to be drawn: of all that have ``finished``, or of as many as the last time."""
        with self._lock:
            if time.monotonic() >= self._next:
                self._drawn = finished
            return self._drawn

    def took(self, seconds: float) -> None:
        """The drawing has taken so long: what comes next has to wait."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds / SHARE)
