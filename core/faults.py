"""What goes wrong with a store or a machine, and is nobody's mistake."""

from __future__ import annotations


class HinderedError(ValueError):
    """What was asked is right, but this machine can't do it now: a full disk, a locked store, workers that are killed."""


class StoreError(ValueError):
    """The store can't be used; the message says why and what to do."""


class HinderedStoreError(StoreError, HinderedError):
    """The store is right, but can't be written to now: the disk is full, or another process holds it locked."""


class DamagedError(StoreError):
    """Pages of the store are damaged; what is whole can be read past them (``core.salvage``)."""
