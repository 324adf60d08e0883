"""Everything in the store: list, open, export, delete."""

import time

import pandas as pd
import streamlit as st

import core
from pages.widgets import page

page.begin("Results")
store = page.store()

st.title("Results")
st.markdown("**What has been computed so far?** Finished runs are kept: asking again costs nothing.")

sweeps = store.sweeps()
counts = store.counts()
if not sweeps:
    st.info("The store is empty. Run a sweep on the page Vanishing gradients; it appears here by itself.")
    st.page_link("pages/2_Vanishing_gradients.py", label="Vanishing gradients", icon=":material/arrow_forward:")
    st.stop()

runs, size = sum(n for n, _ in counts.values()), sum(n for _, n in counts.values())
for column, (label, value) in zip(
    st.columns(3),
    [("sweeps", f"{len(sweeps):,}"), ("runs", f"{runs:,}"), ("size", f"{size / 1e6:,.1f} MB")],
    strict=True,
):
    column.metric(label, value)

wanted = st.text_input("Filter", placeholder="part of a setting, such as relu or depth=20", key="filter")
kinds = {stored.experiment: core.experiment(stored.experiment) for stored in sweeps}
rows = []
for stored in sweeps:
    try:
        there = core.kept(stored, store)
    except ValueError:  # settings that this version can't read any more
        continue
    if wanted.strip().lower() not in there.sweep.text().lower():
        continue
    rows.append(
        {
            "made": pd.Timestamp(time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.created))),
            "experiment": kinds[stored.experiment].title,
            "settings": page.sweep_words(kinds[stored.experiment], stored.link),
            "finished": there.finished,
            "runs": stored.runs,
            "made by": there.made_by,
            "sweep": there.sweep,
            "key": stored.key,
            "link": stored.link,
        }
    )
if not rows:
    st.caption(f"No sweep holds {core.plain(repr(wanted))}. Clear the filter to see all {len(sweeps):,}.")
    st.stop()

shown = pd.DataFrame(rows)[["made", "experiment", "settings", "finished", "runs", "made by"]]
choice = st.dataframe(
    shown,
    hide_index=True,
    on_select="rerun",
    selection_mode="multi-row",
    key=f"chosen {wanted} {st.session_state.get('deletions', 0)}",  # rows are chosen by position
    column_config={"made": st.column_config.DatetimeColumn("asked for", format="YYYY-MM-DD HH:mm")},
)
chosen = [rows[index] for index in choice["selection"]["rows"] if index < len(rows)]
if not chosen:
    st.caption("Tick sweeps at the left of the table to open, export or delete them.")
    st.stop()


def _export(selected: list[dict], as_parquet: bool) -> bytes:
    parts: dict[str, tuple] = {}
    for row in selected:
        for run, frame, id in zip(*core.finished(row["sweep"], store, by_anyone=bool(row["made by"])), strict=True):
            parts[id] = run, frame
    kind = kinds[selected[0]["sweep"].experiment]
    runs, frames = [run for run, _ in parts.values()], [frame for _, frame in parts.values()]
    table = kind.table(runs, frames, list(parts))
    return core.parquet_bytes(table) if as_parquet else core.csv_bytes(table)


def _delete(selected: list[dict]) -> None:
    core.delete_sweeps({row["key"] for row in selected}, store)
    st.session_state["deletions"] = st.session_state.get("deletions", 0) + 1


total = sum(row["finished"] for row in chosen)
st.markdown(f"**{len(chosen)} chosen**, {total:,} finished runs")
first, second, third, fourth = st.columns(4)
if len(chosen) == 1:
    first.page_link(
        page.page_of(kinds[chosen[0]["sweep"].experiment]),
        label="Open",
        icon=":material/open_in_new:",
        query_params=chosen[0]["link"],
    )
mixed = len({row["sweep"].experiment for row in chosen}) > 1
second.download_button(
    "CSV", lambda: _export(chosen, False), "results.csv", "text/csv", on_click="ignore", width="stretch", disabled=mixed
)
third.download_button(
    "Parquet",
    lambda: _export(chosen, True),
    "results.parquet",
    "application/vnd.apache.parquet",
    on_click="ignore",
    width="stretch",
    disabled=mixed,
)
if mixed:
    st.caption("Experiments have different columns: choose sweeps of one of them to export.")
with fourth.popover("Delete", width="stretch"):
    st.write("Deletes the runs of the chosen sweeps, those that other sweeps share excepted. It can't be undone.")
    st.button("Delete them", type="primary", on_click=_delete, args=(chosen,), key="delete")
