"""A recording from its start to its findings: for the launcher, and for one's own loop as ``with core.watch(…)``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

from ..diagnosis.finding import Finding
from ..diagnosis.trace import UNDER_WAY, Trace
from . import recordings
from .session import Session


class Watch:
    """Records what torch does between ``start`` and ``stop``.

    name    of the recording; a used one gets ``-2``
    store   the store beside which it lies; GRADIENT_LAB_STORE's or the current folder's unless given
    every   measure every so many steps; by a rule of its own where 0
    script  what is recorded, for the file
    """

    def __init__(self, name: str = "", store: str = "", every: int = 0, script: str = "") -> None:
        label = name or "recording"
        self._writer = recordings.Writer(label, store)
        self._writer.write("recording", recordings.header(script))
        self._session = Session(self._writer, every)
        self.name, self.path, self.problem = self._writer.name, self._writer.path, self._writer.problem

    def start(self) -> None:
        """Records from now on, in this process alone."""
        self._writer.write("facts", {"ended": UNDER_WAY})  # until there is more to tell
        self._writer.flush()
        os.register_at_fork(before=self._before_fork, after_in_child=self._in_child)
        self._session.start()

    def stop(self, exit_code: int | None = 0) -> None:
        """Records no more and writes the rest."""
        if not self._session.on:
            return
        session = self._session
        session.stop()
        session.before_backward()
        ended = {0: "done", None: "left"}.get(exit_code, f"exit code {exit_code}")
        session.flush(with_facts=False)
        self._writer.write("facts", session.facts(ended))
        self._writer.close()

    def trace(self) -> Trace:
        """What was recorded."""
        if self._session.on:
            self._session.flush()
        if self.path:
            return recordings.read(Path(self.path))
        return recordings.trace_of(iter(self._writer.kept), self.name)

    @property
    def compiled(self) -> bool:
        """Whether a model was compiled, so that its layers could not be seen."""
        return self._session.compiled

    def findings(self) -> list[Finding]:
        """What is wrong, by which evidence, and what to change; the likeliest cause first."""
        from ..diagnosis.judge import judge

        return judge(self.trace())

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(0 if error is None else 1)

    def _before_fork(self) -> None:
        if self._session.on:
            self._writer.flush()

    def _in_child(self) -> None:
        if self._session.on:
            self._session.stop()
        self._writer.forget()


def watch(name: str = "", *, store: str = "", every: int = 0) -> Watch:
    """Records one's own loop, in a script or notebook: ``with core.watch(name="run 7") as recording:``.

    name   of the recording; a used one gets ``-2``
    store  the store beside which it lies; GRADIENT_LAB_STORE's or the current folder's unless given
    every  measure every so many steps; often at first and ever more rarely unless given

    Afterwards ``recording.findings()`` says what is wrong and ``recording.trace()`` holds what was recorded. Functions
    that were imported by name before (``from torch.nn.functional import cross_entropy``) are not seen.
    """
    return Watch(name or default_name("recording"), store, every)


def default_name(script: str) -> str:
    """The script and its start time."""
    return f"{script} {time.strftime('%Y-%m-%d %H.%M.%S')}"
