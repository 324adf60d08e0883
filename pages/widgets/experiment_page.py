"""The page of one experiment: its form, its question, its result, its explanation."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import core
from pages.widgets import form, page, predict, result_panel

Result = Callable[[core.Experiment, core.Sweep], None]


def experiment_page(name: str, result: Result = result_panel.result_panel) -> None:
    """Draws it all. ``result`` draws what comes between the questions and the explanation."""
    kind = core.experiment(name)
    page.begin(kind.title)
    with st.sidebar:
        sweep, problem = form.settings_form(kind, dict(st.query_params) or kind.presets[0].settings)
    st.title(kind.title)
    st.markdown(f"**{kind.question}**")
    predict.questions(kind)
    if sweep is None:
        st.error(problem)
        st.caption("Change it in the form at the left (» on a narrow screen) or in the address; nothing was lost.")
    else:
        form.write_link(kind, sweep)
        tables = core.own_tables(sweep.axes.get("dataset", ()))
        if tables:
            st.caption(f"On your own data: {', '.join(core.dataset_label(text) for text in tables)}.")
        result(kind, sweep)
    with st.expander("What this shows, with the formulas"):
        st.markdown(kind.explanation)
