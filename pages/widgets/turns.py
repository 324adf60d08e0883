"""Pages take turns. All sessions share one interpreter: fifty who draw at once would each wait for all the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local

AT_ONCE = 2  # so that a page which takes long does not hold up the short ones

_turns = BoundedSemaphore(AT_ONCE)
_thread = local()


@contextmanager
def turn() -> Iterator[None]:
    """One of the few turns to draw, for as long as it lasts; who has one already goes on with it."""
    if getattr(_thread, "has_turn", False):
        yield
        return
    with _turns:
        _thread.has_turn = True
        try:
            yield
        finally:
            _thread.has_turn = False


@contextmanager
def given_away() -> Iterator[None]:
    """Lets another page take the turn while this one waits for something else."""
    if not getattr(_thread, "has_turn", False):
        yield
        return
    _thread.has_turn = False
    _turns.release()
    try:
        yield
    finally:
        _turns.acquire()
        _thread.has_turn = True
