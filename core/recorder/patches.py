"""Functions of torch's wrapped while a recording runs, and put back as they were."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from torch._C import _functorch

# Python's warnings pass over frames whose file is called so, as they do over its import system's: a stacklevel that
# torch counts from its own function then names the script's line, not ours
PASSED_OVER = " (importlib._bootstrap)"

maybe_current_level: Callable[[], Any] = getattr(_functorch, "maybe_current_level", lambda: None)


def in_transform() -> bool:
    """Whether a functorch transform (vmap, grad) is at work: its tensors stand for others and have no values to read."""
    return maybe_current_level() is not None


class Patches:
    """Attributes replaced by wrappers; ``undo`` puts the originals back."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replaces ``owner.name`` by ``make(original)``; nothing where there is no such thing in this version."""
        original = vars(owner).get(name)
        if original is None or not callable(original):
            return
        function = make(original)
        assert isinstance(function, FunctionType)
        code = function.__code__
        function.__code__ = code.replace(co_filename=code.co_filename + PASSED_OVER)
        wrapper = functools.wraps(original)(function)
        self._originals.append((owner, name, original))
        setattr(owner, name, wrapper)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The originals stand for a while: TorchScript reads the source of the functions that it compiles."""
        wrappers = [(owner, name, vars(owner).get(name)) for owner, name, _ in self._originals]
        for owner, name, original in reversed(self._originals):
            setattr(owner, name, original)
        try:
            yield
        finally:
            for owner, name, wrapper in wrappers:
                setattr(owner, name, wrapper)

    def undo(self) -> None:
        """The originals stand again, unless somebody wrapped ours."""
        for owner, name, original in reversed(self._originals):
            if getattr(vars(owner).get(name), "__wrapped__", None) is original:
                setattr(owner, name, original)
        self._originals.clear()
