"""The command ``watch``: options, the script under the recorder, its findings after its last output."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import script

BAD_INPUT = 2
USAGE = "watch [--record NAME] [--findings FILE.json] [--every N] [--store PATH] (SCRIPT | -m MODULE) [ARGUMENT …]"


@dataclass
class Options:
    """What stands before the script."""

    record: str = ""
    findings: str = ""
    every: int = 0
    store: str = ""


def parsed(arguments: Sequence[str]) -> tuple[Options, bool, str, list[str]]:
    """Options, whether a module was named, the script or module, and its arguments; ValueError with a sentence."""
    options, rest = Options(), list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word in ("-h", "--help"):
            raise HelpError
        if word.startswith("-m"):
            name = word[2:] or (rest.pop(0) if rest else "")
            if not name:
                raise ValueError(f"watch: -m needs the name of a module ({USAGE})")
            return options, True, name, rest
        name, equals, value = word.partition("=")
        field = name.removeprefix("--")
        if not name.startswith("--") or field not in ("record", "findings", "every", "store"):
            raise ValueError(f"watch: unknown option {word}; the script's own options stand after it ({USAGE})")
        if not equals:
            if not rest:
                raise ValueError(f"watch: {name} needs a value ({USAGE})")
            value = rest.pop(0)
        setattr(options, field, _whole(value) if field == "every" else value)
    if not rest:
        raise ValueError(f"watch: names no script ({USAGE})")
    return options, False, rest[0], rest[1:]


class HelpError(Exception):
    """``--help`` was written."""


def _whole(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"--every: must be a whole number of steps, 1 or more, but got {text!r}")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """Runs the script under the recorder; its exit code, or 2 with a sentence where it can't be run."""
    try:
        options, is_module, name, rest = parsed(arguments)
        _check_findings_file(options.findings)
        try:
            import torch  # noqa: F401  # the script's own
        except ImportError:
            raise ValueError(
                f"watch: this Python ({sys.executable}) has no torch; run watch with the Python that runs the script"
            ) from None
        from .live import Watch, default_name

        run = (script.module_runner if is_module else script.script_runner)(name, rest)
        recording = Watch(options.record or default_name(Path(name).stem), options.store, options.every, script=name)
    except HelpError:
        print(f"usage: python -m core {USAGE}\n\nRuns a training script unchanged, records and diagnoses it.")
        return 0
    except ValueError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    report = Report(recording, options.findings, os.getpid())
    atexit.register(report.once)  # registered first, so run last: after what the script itself registered
    recording.start()
    report.exit_code = code = script.exit_code(run)
    return code


class Report:
    """Findings to standard error and to the file, once, after the script's last output."""

    def __init__(self, recording: Any, file: str, pid: int) -> None:
        self.recording, self.file, self.pid = recording, file, pid
        self.exit_code: int | None = None
        self.done = False

    def once(self) -> None:
        """Ends the recording, judges it and says what was seen; nothing in a child of the script's."""
        if self.done or os.getpid() != self.pid:
            return
        self.done = True
        started = time.perf_counter()
        self._quietly(sys.stdout.flush)
        self._quietly(lambda: self.recording.stop(self.exit_code))
        findings: list[Any] = []
        try:
            findings = self.recording.findings()
        except Exception as error:  # our fault must never become the script's
            words = f"watch: the recording could not be judged ({error!r})"
            self._quietly(lambda: print(words, file=sys.stderr))
            if os.environ.get("GRADIENT_LAB_STRICT"):
                import traceback

                traceback.print_exc()
        text = "".join(_sentence(finding) for finding in findings) or "watch: no fault was seen\n"
        text += f"watch: recorded as {self.recording.name!r}\n" if self.recording.name else ""
        if self.recording.compiled:
            text += "watch: a model is compiled (torch.compile): what happens between its layers could not be seen\n"
        if self.recording.problem:
            text += f"watch: the recording could not be written ({self.recording.problem})\n"
        self._quietly(lambda: print(text, end="", file=sys.stderr, flush=True))
        if self.file:
            data = json.dumps([finding.as_dict() for finding in findings], indent=2, ensure_ascii=False)
            self._quietly(lambda: _write_whole(Path(self.file), data))
        self.seconds = time.perf_counter() - started
        if self.exit_code == script.INTERRUPTED_BY_KEYBOARD:  # as Python itself ends after an uncaught interrupt
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(self.pid, signal.SIGINT)

    @staticmethod
    def _quietly(act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:  # a closed pipe, a full disk: the script's exit code stays what it is
            if os.environ.get("GRADIENT_LAB_STRICT"):
                sys.__stderr__.write(f"watch: {error!r}\n") if sys.__stderr__ else None


def _sentence(finding: Any) -> str:
    place = f"{finding.file}: " if finding.file else ""
    remedy = f"\n    {finding.remedy}" if finding.remedy else ""
    symptoms = finding.evidence.get("symptoms")
    because = f"\n    This also explains: {', '.join(symptoms)}." if symptoms else ""
    return f"{finding.severity}: {finding.code}: {place}{finding.message}{remedy}{because}\n"


def _check_findings_file(name: str) -> None:
    if not name:
        return
    if Path(name).suffix != ".json":
        raise ValueError(f"--findings: must end in .json, but got {name}")
    if not Path(name).absolute().parent.is_dir():
        raise ValueError(f"--findings: the folder {Path(name).parent} does not exist")


def _write_whole(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    beside.write_text(text + "\n", encoding="utf-8")
    beside.replace(path)
