"""Which learning rate should I use?"""

from functools import partial

import streamlit as st

import core
from pages.widgets import check_rate, edge, form, page, predict, result_panel

page.begin("Learning rate")
kind = core.experiment("range_test")

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
    check = partial(check_rate.check_rate, kind, sweep)
    several = len(sweep.points) * len(sweep.seeds) > 1  # of one run, the panel would leave its charts to the check
    result_panel.result_panel(kind, sweep, check if several else None)
    if not several:
        check()
    edge.edge(kind, sweep)
with st.expander("What this shows, with the formulas"):
    st.markdown(kind.story)
