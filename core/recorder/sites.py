"""Where in the script a call was made: file and line, and the script's own names for its models and optimizers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

OURS = str(Path(__file__).resolve().parent)
STANDARD_LIBRARY = str(Path(contextlib.__file__).parent)
_FOREIGN: dict[str, bool] = {}


def foreign(file: str) -> bool:
    """Whether the file is torch's, another library's or ours: not the script's."""
    verdict = _FOREIGN.get(file)
    if verdict is None:
        library = "site-packages" in file or "dist-packages" in file or file.startswith(STANDARD_LIBRARY)
        verdict = _FOREIGN[file] = library or file.startswith((OURS, "<frozen", "<string>", "<__array"))
    return verdict


def script_frame(depth: int) -> FrameType | None:
    """The nearest frame of the script's, looked for from ``depth`` frames above the caller."""
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and foreign(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


class Sites:
    """Call sites by number: ``train.py:31``. The same line of code is the same site."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[tuple[CodeType | None, int], int] = {}

    def here(self, depth: int = 1) -> int:
        """The number of the script's line that called, ``depth`` frames above the caller."""
        frame = script_frame(depth + 1)
        key = (frame.f_code, frame.f_lineno) if frame else (None, 0)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.names)
            self.names.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else "")
        return number

    def name(self, number: int) -> str:
        """``train.py:31``; empty where it isn't known."""
        return self.names[number] if 0 <= number < len(self.names) else ""


def variables(depth: int, predicate: Callable[[Any], bool]) -> dict[int, str]:
    """id -> name of the script's variables that meet the ``predicate``: globals of __main__ and locals of the frames above."""
    names: dict[int, str] = {}
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        if not foreign(frame.f_code.co_filename):
            for name, value in list(frame.f_locals.items()):
                if not name.startswith("_") and name != "self" and predicate(value):
                    names.setdefault(id(value), name)
        frame = frame.f_back
    main = sys.modules.get("__main__")
    for name, value in list(vars(main).items()) if main else ():
        if not name.startswith("_") and predicate(value):
            names.setdefault(id(value), name)
    return names
