"""The curvature along full-batch descent, beside the largest at which its rate is stable."""

from __future__ import annotations

import numpy as np
import streamlit as st

import core
from pages.widgets import page

WORDS = """
Descent with **all rows at once** is stable while the largest curvature λ is below a limit: 2/η for plain SGD at rate η. While
a network trains, λ does not stay: it often rises until it meets that limit and hovers there, at the *edge of stability*
(Cohen 2021, arXiv:2103.00065); with cross-entropy it falls again once the rows are fitted. With small batches noise keeps λ
lower, and the limit is no more than a guide.
"""


@st.cache_resource(max_entries=32, show_spinner="Descending with all rows at once …")
def _edge(_kind: core.Experiment, _run: core.Run, id: str, lr: float) -> dict[str, np.ndarray]:
    return page.jobs().workers.call(_kind.room("edge").edge, _run, lr)


def _half_the_limit(kind: core.Experiment, sweep: core.Sweep) -> float:
    """A rate to begin with: half the stability limit of the sweep's first run, once it is there."""
    run = next(sweep.runs())
    frames = page.store().find([run.id]).frames
    found = kind.table([run] * len(frames), list(frames.values()))["max_stable_lr"].to_pylist()[:1]
    return float(f"{found[0] / 2.0:.2g}") if found and found[0] else 0.1


def edge(kind: core.Experiment, sweep: core.Sweep) -> None:
    """Asks for a rate and shows what the curvature does at it; for one setting of SGD."""
    if len(sweep.points) > 1:
        return
    settings = sweep.points[0]
    scale = kind.room("edge").largest_rate(settings)  # at a curvature of 1
    if not np.isfinite(scale):
        return
    with st.expander("Does a rate stay stable while the network trains?"):
        st.markdown(WORDS)
        start = _half_the_limit(kind, sweep)
        lr = st.number_input("learning rate", min_value=1e-6, max_value=1e6, value=start, format="%g", key="edge rate")
        if st.button("Descend and watch the curvature", key="edge") or st.session_state.get("edge asked") == sweep.key:
            st.session_state["edge asked"] = sweep.key
            run = core.Run(kind.name, kind.version, settings, sweep.seeds[0])
            descent = _edge(kind, run, run.id, lr)
            page.chart(kind.room("edge").edge_chart(descent["sharpness"], lr, scale / lr), "edge")
            st.caption(f"Seed {run.seed}, float64, {kind.room('edge').EDGE_STEPS} updates.")
