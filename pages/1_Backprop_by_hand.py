"""How does a two-layer network learn XOR?"""

from functools import partial

import streamlit as st

import core
from pages.widgets import film, microscope, result_panel
from pages.widgets.experiment_page import experiment_page


def closely(of: core.Sweep) -> None:
    """One run of the sweep: its film, and one of its steps."""
    if len(of.points) * len(of.seeds) > 1:
        st.subheader("One of these networks, closely")
    run = film.chosen_run(of)

    clock = film.playing()

    @st.fragment(run_every=film.FRAME_SECONDS if clock else None)
    def renewed() -> None:
        scene = film.film_panel(run)
        if film.playing() != clock:  # started, paused or at its end: the clock must be wound or stopped
            st.rerun()
        st.subheader(f"The step of epoch {scene.epoch:,} under the microscope")
        if film.playing():
            st.caption("Pause the film to look at one of its steps.")
        else:
            microscope.microscope(scene)

    renewed()


def result(kind: core.Experiment, sweep: core.Sweep) -> None:
    """The film of one run stands in the charts' place."""
    result_panel.result_panel(kind, sweep, partial(closely, sweep), alone=True)


experiment_page("backprop", result)
