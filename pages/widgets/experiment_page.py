"""The page of one experiment: its form, its question, its result, its explanation."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import core
from pages.widgets import form, page, predict, result_panel, turns

Result = Callable[[core.Experiment, core.Sweep], None]


@turns.turn()
def experiment_page(name: str, result: Result = result_panel.result_panel) -> None:
    """Draws it all. ``result`` draws what comes between the questions and the explanation."""
    kind = core.experiment(name)
    page.begin(kind.title)
    with st.sidebar:
        said = form.settings_form(kind, kind.presets[0].settings)
    page.heading(kind.title, kind.question)
    with st.container():  # whatever it says, what stands below keeps its place, where a click on the old page finds it
        sweep = _asked(kind, said)
    if sweep is not None and not predict.first(kind):
        result(kind, sweep)
    predict.questions(kind)
    with st.expander("What this shows, with the formulas"):
        st.markdown(kind.explanation)
    page.next_step(kind, sweep)


def _asked(kind: core.Experiment, said: form.Form) -> core.Sweep | None:
    """The sweep to show, which is the last one while the form has faults; what is to be said of it is drawn."""
    last = f"{kind.name}:last sweep"
    if said.faults:
        st.error("  \n".join(core.plain(fault) for fault in said.faults))
        st.button("Start from the defaults", key="start over", on_click=form.start_over, args=(kind,))
    if said.sweep is not None:
        form.write_link(kind, said.sweep)
        st.session_state[last] = said.sweep
        tables = core.own_tables(said.sweep.axes.get("dataset", ()))
        if tables:
            st.caption(f"On your own data: {core.plain(', '.join(core.dataset_label(text) for text in tables))}.")
    elif last in st.session_state:
        st.caption("Below stands the last result, of the settings before this change.")
    return st.session_state.get(last)
