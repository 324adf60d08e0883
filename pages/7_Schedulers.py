"""Which learning-rate schedule wins?"""

import streamlit as st

import core
from pages.widgets import form, page, predict, result_panel

page.begin("Schedulers")
kind = core.experiment("schedulers")

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
    result_panel.result_panel(kind, sweep)
with st.expander("What this shows, with the formulas"):
    st.markdown(kind.story)
