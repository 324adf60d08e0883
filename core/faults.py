"""What is nobody's mistake."""

from __future__ import annotations


class HinderedError(ValueError):
    """What was asked is right, but this machine can't do it now: a full disk, a locked store, workers that are killed."""
