"""Everything in the store: list, name, star, open, compare, export, import, delete with undo."""

import streamlit as st

import core
from pages.widgets import compare_panel, page, stored_actions, stored_sweeps

page.begin("Results")
store = page.store()

page.heading("Results", "What has been computed so far?")
with st.container():  # of its own, so that what stands below keeps its place
    stored_actions.undo(store)
sweeps = store.sweeps()
if not sweeps:
    st.info("The store is empty. Run a sweep on the page Vanishing gradients; it appears here by itself.")
    st.page_link("pages/2_Vanishing_gradients.py", label="Vanishing gradients", icon=":material/arrow_forward:")
    stored_actions.bring_in(store)
    st.stop()

counts = store.counts().values()
runs, size = sum(count for count, _ in counts), sum(part for _, part in counts)
st.caption(
    f"{len(sweeps):,} sweeps, {runs:,} runs, {size / 1e6:,.1f} MB. Finished runs are kept: asking again costs nothing."
)
left, right = st.columns([3, 1])
wanted = left.text_input("Filter", placeholder="a name, or part of a setting, such as relu or depth=20", key="filter")
order = right.selectbox("Order", stored_sweeps.ORDERS, key="order")

rows, waiting = stored_sweeps.rows(store)
fitting = stored_sweeps.fitting(rows, wanted, order)
if not fitting:
    st.caption(f"No sweep holds {core.plain(repr(wanted))}. Clear the filter to see all {len(rows):,}.")
    st.stop()
st.caption(stored_sweeps.count_words(len(fitting), order))
chosen = stored_sweeps.table(fitting)
with st.container():
    if chosen:
        stored_actions.actions(chosen, store)
        compare_panel.compare_panel(chosen, rows, store)
    else:
        st.caption("Tick sweeps at the left of the table to open, name, star, compare, export or delete them.")
stored_actions.bring_in(store)
if waiting:
    stored_sweeps.outcomes_to_come(store)
