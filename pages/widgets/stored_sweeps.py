"""The table of the sweeps in the store: what was asked for, what is there, what came out."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

import core
from pages.widgets import page

LATEST, BEST, STARRED, BY_NAME = "latest first", "best outcome first", "starred first", "by name"
ORDERS = (LATEST, BEST, STARRED, BY_NAME)
POLL_SECONDS = 0.3
PORTION_SECONDS = 0.5  # of outcomes worked out before the table is drawn
KEPT_OUTCOMES = 5_000
TABLE_ROWS = 8  # seen at once; the rest scrolls

OutcomeKey = tuple[str, str, int, float]  # store, sweep, its version, when its latest run came


class StoredRow(NamedTuple):
    """A sweep of the store, as the table shows it; ``outcome`` is None until it has been worked out."""

    stored: core.StoredSweep
    kept: core.Kept
    label: core.Label
    outcome: core.Outcome | None

    @property
    def words(self) -> str:
        """What it is called: its name, else its settings."""
        kind = core.experiment(self.stored.experiment)
        return self.label.name or page.sweep_words(kind, self.stored.link)


def rows(store: core.Store) -> tuple[list[StoredRow], bool]:
    """The store's sweeps that can be read, and whether the outcome of some is still to be worked out."""
    labels, known = core.sweep_labels(store), _outcomes()
    found, begun = [], time.monotonic()
    for stored, kept, key in _kept(store, str(store.path), store.state()):
        if key not in known and time.monotonic() - begun < PORTION_SECONDS:
            known[key] = core.outcome_of(kept, store)
        found.append(StoredRow(stored, kept, labels.get(stored.key, core.Label()), known.get(key)))
    while len(known) > KEPT_OUTCOMES:
        known.pop(next(iter(known)))
    return found, any(row.outcome is None for row in found)


@st.fragment(run_every=POLL_SECONDS)
def outcomes_to_come(store: core.Store) -> None:
    """Works outcomes out in portions, so that the table stands at once; draws the page again once all are there."""
    if not rows(store)[1]:
        st.rerun()


@st.cache_resource(show_spinner=False)
def _outcomes() -> dict[OutcomeKey, core.Outcome]:
    """The outcomes that this server has worked out."""
    return {}


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(
    _store: core.Store, path: str, state: tuple[int, int]
) -> list[tuple[core.StoredSweep, core.Kept, OutcomeKey]]:
    """What the store holds of every sweep; asked again once the store has changed."""
    found = []
    for stored in _store.sweeps():
        try:
            kept = core.kept(stored, _store)
        except ValueError:  # settings that this version can't read any more
            continue
        found.append((stored, kept, (path, kept.sweep.key, kept.sweep.version, _store.latest(kept.sweep.ids))))
    return found


def fitting(found: Sequence[StoredRow], wanted: str, order: str) -> list[StoredRow]:
    """The rows that hold the words ``wanted``, in the order asked for; outcomes are compared within an experiment."""
    text = wanted.strip().lower()
    shown = [row for row in found if text in _searched(row)]
    if order == BEST:
        return sorted(shown, key=lambda row: (row.stored.experiment, _place(row)))
    if order == STARRED:
        return sorted(shown, key=lambda row: not row.label.starred)
    if order == BY_NAME:
        return sorted(shown, key=lambda row: (not row.label.name, row.label.name.lower()))
    return shown


def count_words(count: int, order: str) -> str:
    """How many sweeps the table holds and in which order, and that it scrolls where not all are seen: ``30 sweeps, latest first``."""
    words = f"{core.counted(count, 'sweep')}, {order}"
    return (
        f"{words}: {TABLE_ROWS} are seen at once, scroll in the table for the others."
        if count > TABLE_ROWS
        else f"{words}."
    )


def _searched(row: StoredRow) -> str:
    title = core.experiment(row.stored.experiment).title
    return " ".join([row.label.name, row.label.note, title, row.kept.sweep.text()]).lower()


def _place(row: StoredRow) -> float:
    return math.inf if row.outcome is None or math.isnan(row.outcome.order) else row.outcome.order


def table(found: Sequence[StoredRow]) -> list[StoredRow]:
    """Draws the table; the rows that are ticked."""
    shown = pd.DataFrame([_cells(row) for row in found])
    if not shown["note"].any():
        shown = shown.drop(columns="note")
    places = hashlib.sha256("\n".join(row.stored.key for row in found).encode()).hexdigest()
    choice = st.dataframe(
        shown,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"chosen {places}",  # rows are chosen by position
        height=36 + 35 * min(len(shown), TABLE_ROWS),
        column_config={
            "star": st.column_config.TextColumn("★", width=36, help="Starred sweeps are never pruned."),
            "name": st.column_config.TextColumn(width=110),
            "experiment": st.column_config.TextColumn(width=140),
            "settings": st.column_config.TextColumn(width=200),
            "outcome": st.column_config.TextColumn(
                width=230, help="The leading measure of the setting that ends best, as a mean over seeds."
            ),
            "finished": st.column_config.NumberColumn(width=62),
            "runs": st.column_config.NumberColumn("of runs", width=62),
            "made": st.column_config.DatetimeColumn("asked for", format="YYYY-MM-DD HH:mm", width=125),
        },
    )
    return [found[index] for index in choice["selection"]["rows"] if index < len(found)]


def _cells(row: StoredRow) -> dict[str, object]:
    kind = core.experiment(row.stored.experiment)
    return {
        "star": "★" if row.label.starred else "",
        "name": row.label.name,
        "experiment": kind.title,
        "settings": page.sweep_words(kind, row.stored.link),
        "outcome": "…" if row.outcome is None else row.outcome.words,
        "finished": row.kept.finished,
        "runs": row.stored.runs,
        "made": pd.Timestamp(time.strftime("%Y-%m-%d %H:%M", time.localtime(row.stored.created))),
        "made by": row.kept.made_by or "this version",
        "note": row.label.note,
    }
