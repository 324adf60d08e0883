"""What can be done with the sweeps that are ticked: open, name, star, export, delete."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import core
from pages.widgets import page
from pages.widgets.stored_sweeps import StoredRow

IMPORT_MEGABYTES = 100


def actions(chosen: Sequence[StoredRow], store: core.Store) -> None:
    """A row of buttons, and the label of a single sweep."""
    kinds = {row.stored.experiment for row in chosen}
    st.markdown(f"**{len(chosen)} chosen**, {core.counted(_finished(chosen, store), 'finished run')}")
    first, second, third, fourth = st.columns(4)
    if len(chosen) == 1:
        row = chosen[0]
        first.page_link(
            page.page_of(core.experiment(row.stored.experiment)),
            label="Open",
            icon=":material/open_in_new:",
            query_params=row.stored.link,
        )
    mixed = len(kinds) > 1
    for column, name, ending, mime, written in (
        (second, "CSV", "csv", "text/csv", core.csv_bytes),
        (third, "Parquet", "parquet", "application/vnd.apache.parquet", core.parquet_bytes),
    ):
        column.download_button(
            name,
            lambda written=written: written(_table(chosen, store)),
            f"results.{ending}",
            mime,
            on_click="ignore",
            width="stretch",
            disabled=mixed,
        )
    if mixed:
        st.caption("Experiments have different columns: choose sweeps of one of them to export or compare.")
    with fourth.popover("Delete", width="stretch"):
        st.write(
            "Deletes the runs of the chosen sweeps, those that other sweeps share excepted. Until the next deletion it can be undone."
        )
        if any(row.label.starred for row in chosen):
            st.warning("A starred sweep is among them.")
        st.button("Delete them", type="primary", on_click=_delete, args=(chosen, store), key="delete")
    if len(chosen) == 1:
        _label(chosen[0], store)


def _finished(chosen: Sequence[StoredRow], store: core.Store) -> int:
    """How many finished runs the chosen sweeps have, those that several share counted once."""
    if len(chosen) == 1:
        return chosen[0].kept.finished
    every = {id: None for row in chosen for id in row.kept.sweep.ids}
    return store.count(list(every), by_anyone=any(row.kept.made_by for row in chosen))


def undo(store: core.Store) -> None:
    """What the latest deletion took, and the button that brings it back; it waits in the store itself, whatever ends."""
    taken = core.last_deletion(store)
    if not taken.sweeps:
        return
    sweeps = "1 sweep" if taken.sweeps == 1 else f"{taken.sweeps:,} sweeps"
    runs = "1 run" if taken.runs == 1 else f"{taken.runs:,} runs"
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.caption(f"Deleted last: {sweeps} with {runs}. They can be brought back as they were until the next deletion.")
    button.button("Undo", icon=":material/undo:", on_click=core.bring_back, args=(store,), key="undo", width="stretch")


def bring_in(store: core.Store) -> None:
    """A file that was exported elsewhere, and the button that takes its runs into the store."""
    with st.expander("Import a CSV or Parquet file", icon=":material/upload_file:"):
        given = st.file_uploader(
            "A file that was exported here or elsewhere",
            type=["csv", "parquet"],
            key=f"import {st.session_state.get('imports', 0)}",
            max_upload_size=IMPORT_MEGABYTES,
            help="Everything, as “CSV” or “Parquet” write it, not one row a run. Columns, settings and run ids are checked.",
        )
        st.caption(
            "Imported runs are marked as such: listed, opened, compared, exported and deleted, but Run computes its own."
        )
        if given is not None:
            st.button(
                "Import", type="primary", on_click=_import, args=(given.name, given.getvalue(), store), key="import"
            )
        fault, done = (st.session_state.pop(name, "") for name in ("import fault", "import done"))
        if fault:
            st.error(core.plain(fault))
        if done:
            st.success(core.plain(done))


def _import(name: str, data: bytes, store: core.Store) -> None:
    state = st.session_state
    try:
        done = core.import_bytes(name, data, store)
    except ValueError as error:
        state["import fault"] = str(error)
        return
    state["import done"] = f"{done.sentence}."
    state["imports"] = state.get("imports", 0) + 1  # the field is empty again


def _table(chosen: Sequence[StoredRow], store: core.Store) -> object:
    """The runs of the chosen sweeps as one table, each once."""
    parts: dict[str, tuple] = {}
    for row in chosen:
        there = core.finished(row.kept.sweep, store, by_anyone=bool(row.kept.made_by))
        parts |= {id: (run, frame) for run, frame, id in zip(*there, strict=True)}
    kind = core.experiment(chosen[0].stored.experiment)
    return kind.table([run for run, _ in parts.values()], [frame for _, frame in parts.values()], list(parts))


def _delete(chosen: Sequence[StoredRow], store: core.Store) -> None:
    core.delete_sweeps({row.stored.key for row in chosen}, store)


def _label(row: StoredRow, store: core.Store) -> None:
    """Fields for a sweep's name, note and star; what is written is kept at once."""
    key = row.stored.key
    name, note, star = st.columns([2, 4, 1], vertical_alignment="bottom")
    fields = {"args": (key, store), "on_change": _keep}
    name.text_input("Name", row.label.name, key=f"name {key}", placeholder="what you call it", **fields)
    note.text_input("Note", row.label.note, key=f"note {key}", placeholder="what you saw, or why you asked", **fields)
    star.toggle("Star", row.label.starred, key=f"star {key}", help="Starred sweeps are never pruned.", **fields)
    fault = st.session_state.pop("label fault", "")
    if fault:
        st.error(core.plain(fault))


def _keep(key: str, store: core.Store) -> None:
    state = st.session_state
    try:
        core.put_label(key, core.Label(state[f"name {key}"], state[f"note {key}"], state[f"star {key}"]), store)
    except ValueError as error:
        state["label fault"] = str(error)
