"""What people call their sweeps: a name, a note, a star; in a table of its own, made when something is first kept there.

The store's schema stays as it was, so that earlier programs open the file and see no labels.
"""

from __future__ import annotations

from typing import NamedTuple

from core.store import Store

LONGEST_NAME, LONGEST_NOTE = 80, 2_000
_TABLE = """CREATE TABLE IF NOT EXISTS labels (
    experiment TEXT NOT NULL, link TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL, starred INTEGER NOT NULL,
    PRIMARY KEY (experiment, link)
)"""


class Label(NamedTuple):
    """What a person wrote on a sweep."""

    name: str = ""
    note: str = ""
    starred: bool = False


def sweep_labels(store: Store) -> dict[str, Label]:
    """The labels of the store's sweeps, by the sweep's key; a sweep without one is not among them."""
    if not store.has_table("labels"):
        return {}
    rows = store.select("SELECT key, name, note, starred FROM labels JOIN sweeps USING (experiment, link)")
    return {key: Label(str(name), str(note), bool(starred)) for key, name, note, starred in rows}


def put_label(key: str, label: Label, store: Store) -> None:
    """Keeps a sweep's label, an empty one not at all; ValueError for one that is too long or of no sweep in the store."""
    name, note = " ".join(label.name.split()), label.note.strip()
    for what, text, most in (("name", name, LONGEST_NAME), ("note", note, LONGEST_NOTE)):
        if len(text) > most:
            raise ValueError(f"{what}: must have at most {most:,} characters, but has {len(text):,}")
    with store.transaction() as connection:
        connection.execute(_TABLE)
        sweep = connection.execute("SELECT experiment, link FROM sweeps WHERE key=?", (key,)).fetchone()
        if sweep is None:
            raise ValueError("the sweep is not in the store any more, so it can't be labelled")
        connection.execute("DELETE FROM labels WHERE experiment=? AND link=?", sweep)
        if name or note or label.starred:
            connection.execute("INSERT INTO labels VALUES (?,?,?,?,?)", (*sweep, name, note, int(label.starred)))


def clear(store: Store) -> None:
    """Takes away the labels of sweeps that are not in the store any more."""
    if store.has_table("labels"):
        with store.transaction() as connection:
            connection.execute(
                "DELETE FROM labels WHERE (experiment, link) NOT IN (SELECT experiment, link FROM sweeps)"
            )
