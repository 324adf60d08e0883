"""How does a two-layer network learn XOR?"""

import inspect
from functools import partial

import streamlit as st

import core
from core.engine import by_hand
from core.settings import Sweep
from pages.widgets import film, form, microscope, page, predict, result_panel

page.begin("Backprop by hand")
kind = core.experiment("backprop")

with st.sidebar:
    sweep, problem = form.settings_form(kind, dict(st.query_params) or kind.presets[0].settings)


def closely(of: Sweep) -> None:
    """One run of the sweep: its film, and one of its steps."""
    st.header("Watch it learn")
    run = film.chosen_run(of)

    clock = film.playing()

    @st.fragment(run_every=film.FRAME_SECONDS if clock else None)
    def renewed() -> None:
        scene = film.film_panel(run)
        if film.playing() != clock:  # started, paused or at its end: the clock must be wound or stopped
            st.rerun()
        st.header("One step under the microscope")
        if film.playing():
            st.caption("Pause the film to look at one of its steps.")
        else:
            microscope.microscope(scene)

    renewed()


st.title(kind.title)
st.markdown(f"**{kind.question}**")
predict.questions(kind)
if sweep is None:
    st.error(problem)
    st.caption("Change it in the form at the left (» on a narrow screen) or in the address; nothing was lost.")
else:
    form.write_link(kind, sweep)
    result_panel.result_panel(kind, sweep, partial(closely, sweep), alone=True)
with st.expander("What this shows, with the formulas"):
    st.markdown(kind.story)
with st.expander("The whole network in NumPy, to be read from top to bottom"):
    st.code(inspect.getsource(by_hand), language="python")
