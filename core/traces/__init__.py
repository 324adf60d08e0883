"""Traces as people ask for them: recordings beside a store and logs of other tools, read, listed, deleted, taken away.

Whatever a file holds, reading it gives traces or a ValueError with one sentence; nothing in it is ever run.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from core import logs
from core.diagnosis.finding import Finding
from core.diagnosis.judge import judge
from core.diagnosis.trace import UNDER_WAY, Trace
from core.experiments import with_link
from core.logs.command import verdict
from core.logs.content import MOST_BYTES, Content
from core.recorder import recordings
from core.recorder.recordings import Recording

KNOWN_AT_THE_END = ("still_improving", "schedule_unfinished")  # nothing wrong while a script still runs
SILENT = 120.0  # seconds without a new line after which a script that never said its end counts as killed
OURS = b'{"recording":'  # how a recording starts
SPOILED = (ArithmeticError, AttributeError, LookupError, RecursionError, StopIteration, TypeError, ValueError)


def open_recording(name: str, store: str = "") -> Trace:
    """The recording ``name`` of those beside the store, and no other file; ValueError with a sentence."""
    path = _listed(name, store)
    if path.stat().st_size > 2 * recordings.LARGEST:
        raise ValueError(f"{name}: is too large to be a recording of ours")
    with _in_one_sentence(name):
        return _worded(recordings.read(path))


def delete_recording(name: str, store: str = "") -> None:
    """Deletes the recording ``name`` of those beside the store, and no other file; ValueError where there is none."""
    _listed(name, store).unlink()


def _listed(name: str, store: str) -> Path:
    if name not in recordings.names(store):
        raise ValueError(f"there is no recording {name!r} beside the store")
    return recordings.folder(store) / f"{name}{recordings.SUFFIX}"


def read_log(name: str, data: bytes) -> list[Trace]:
    """The trace of each run in a log or recording that was handed over as bytes; ValueError with a sentence."""
    if not data.strip():
        raise ValueError(f"{name}: is empty")
    if len(data) > MOST_BYTES:
        raise ValueError(f"{name}: holds {len(data) / 2**20:,.0f} MB, but at most {MOST_BYTES / 2**20:.0f} MB are read")
    with _in_one_sentence(name):
        if data.startswith(OURS):
            lines = data.decode("utf-8", errors="replace").splitlines()
            return [_worded(recordings.trace_of(recordings.lines(lines), name))]
        return logs.read_content(Content(data, name))


def read(name: str) -> list[Trace]:
    """The traces of what the command line names: a recording by its name or path, or a log's path."""
    if not Path(name).exists() and name in recordings.names():
        return [open_recording(name)]
    try:
        with Path(name).open("rb") as file:
            ours = file.read(len(OURS)) == OURS
    except OSError:
        ours = False
    if not ours:
        return logs.read(name)
    with _in_one_sentence(name):
        return [_worded(recordings.read(Path(name)))]


@contextmanager
def _in_one_sentence(name: str) -> Iterator[None]:
    """What a spoiled file does to its reader, as one sentence."""
    try:
        yield
    except SPOILED as error:
        said = str(error) if type(error) is ValueError and str(error).startswith(name) else ""
        raise ValueError(said or f"{name}: can't be read; the file is damaged") from None


def _worded(trace: Trace) -> Trace:
    """A recording with its format and what was read, as logs have them; ValueError where its tables have holes."""
    for table in (trace.steps, trace.layers, trace.events):
        if len({len(column) for column in table.values()}) > 1:
            raise ValueError("columns of different lengths")
    if trace.steps and "step" not in trace.steps:
        raise ValueError("no column step")
    steps, seconds, ended = int(trace.facts.get("steps", 0)), float(trace.facts.get("seconds", 0)), ended_words(trace)
    says = f"{steps:,} optimizer steps in {seconds:,.0f} s, {ended}"
    return replace(trace, facts={**trace.facts, "format": "recording", "clock": "step", "says": says})


def ended_words(trace: Trace) -> str:
    """How the script of a recording ended."""
    ended = str(trace.facts.get("ended", ""))
    words = {
        "done": "ended",
        "left": "left",
        UNDER_WAY: "still under way when it was last written",
        "cut off": "cut off",
    }
    return words.get(ended, f"ended with {ended}")


def under_way(trace: Trace, recording: Recording) -> bool:
    """Whether the script of a recording still runs, as far as its file tells."""
    return trace.facts.get("ended") == UNDER_WAY and time.time() - recording.changed < SILENT


def findings_of(trace: Trace) -> list[Finding]:
    """What is wrong with a training, the likeliest cause first; ValueError where its facts are damaged."""
    with _in_one_sentence(trace.name or trace.source):
        findings = [with_link(finding) for finding in judge(trace)]
    if trace.facts.get("ended") == UNDER_WAY:
        return [finding for finding in findings if finding.code not in KNOWN_AT_THE_END]
    return findings


def verdict_of(trace: Trace, findings: list[Finding]) -> str:
    """``No fault found: …`` in the command line's words; empty where a fault was found."""
    return verdict(trace, findings)


EVENTS = {"z": "zero", "b": "backward", "u": "unscale", "c": "clip", "s": "step", "l": "schedule"}


def typical_steps(trace: Trace) -> list[str]:
    """Of each optimizer the commonest order of calls in a step, and how common: ``zero → backward → step (98% of 400 …)``."""
    words = []
    optimizers = trace.facts.get("optimizers", [])
    for optimizer in optimizers if isinstance(optimizers, list) else []:
        counts = optimizer.get("patterns") if isinstance(optimizer, dict) else None
        if not isinstance(counts, dict) or not counts:
            continue
        total = sum(int(count) for count in counts.values())
        letters, count = max(counts.items(), key=lambda pair: int(pair[1]))
        after = len(letters) - len(
            letters.lstrip("l")
        )  # a schedule that moves after a step opens the next one's record
        calls = " → ".join(EVENTS.get(letter, letter) for letter in letters[after:] + letters[:after])
        whose = f"{optimizer.get('kind', 'optimizer')}: " if len(optimizers) > 1 else ""
        words.append(f"{whose}{calls} ({int(count) / max(1, total):.0%} of {total:,} steps that were looked at)")
    return words


def steps_csv(trace: Trace) -> bytes:
    """The table ``steps`` as CSV; a number that was not logged is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(trace.steps)
    for row in recordings.rows(trace):
        writer.writerow([_cell(value) for value in row.values()])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else int(value) if value.is_integer() else value
