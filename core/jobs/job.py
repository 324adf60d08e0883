"""One sweep under way: how far it is, and how it is stopped."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from core.store import Store
from core.sweeps import Sweep


@dataclass
class Progress:
    """How far a job is. ``state``: running, done, cancelled or failed; ``error`` says why it failed."""

    total: int
    stored: int = 0
    computed: int = 0
    damaged: int = 0
    state: str = "running"
    error: str = ""
    seconds_left: float | None = None
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """Runs that are there."""
        return self.stored + self.computed


@dataclass
class Job:
    """One sweep under way. Read ``progress`` from any thread; ``cancel`` stops it for all who watch."""

    sweep: Sweep
    store: Store
    device: str
    progress: Progress
    owner: str = ""  # who asked first
    fault: ValueError | None = None  # why it failed, where that has a sentence
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stops the job after the tasks that run now; what is finished stays."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled it."""
        return self._cancelled.is_set()

    @property
    def cancelling(self) -> bool:
        """Whether it was cancelled and still puts away what ran."""
        return self.running and self.cancelled

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self.progress.state == "running"

    def end(self) -> None:
        """Lets those go on who wait for the end."""
        self._ended.set()

    def wait(self, timeout: float | None = None) -> None:
        """Waits for the end, at most ``timeout`` seconds."""
        self._ended.wait(timeout)  # not Thread.join, which an interrupt leaves marked as done
