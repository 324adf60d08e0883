"""The curvature along full-batch descent, beside the largest at which its rate is stable."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.experiments import Experiment, range_test
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run, Sweep
from core.theory.curvature import max_stable_lr
from pages.widgets import page

WORDS = """
Descent with **all rows at once** is stable while the largest curvature λ is below a limit: 2/η for plain SGD at rate η. While
a network trains, λ does not stay: it often rises until it meets that limit and hovers there, at the *edge of stability*
(Cohen 2021, arXiv:2103.00065); with cross-entropy it falls again once the rows are fitted. With small batches noise keeps λ
lower, and the limit is no more than a guide.
"""


@st.cache_resource(max_entries=32, show_spinner="Descending with all rows at once …")
def _edge(_run: Run, id: str, lr: float) -> dict[str, np.ndarray]:
    return page.jobs().workers.call(range_test.edge, _run, lr)


def _half_the_limit(kind: Experiment, sweep: Sweep) -> float:
    """A rate to begin with: half the stability limit of the sweep's first run, once it is there."""
    run = next(sweep.runs())
    frames = page.store().find([run.id]).frames
    found = kind.table([run] * len(frames), list(frames.values()))["max_stable_lr"].to_pylist()[:1]
    return float(f"{found[0] / 2.0:.2g}") if found and found[0] else 0.1


def edge(kind: Experiment, sweep: Sweep) -> None:
    """Asks for a rate and shows what the curvature does at it; for one setting of SGD."""
    if len(sweep.points) > 1:
        return
    settings = sweep.points[0]
    optimizer = OPTIMIZERS.parse(settings.optimizer)  # type: ignore[attr-defined]
    scale = max_stable_lr(optimizer, 1.0)  # the limit of the rate at a curvature of 1
    if not np.isfinite(scale):
        return
    with st.expander("Does a rate stay stable while the network trains?"):
        st.markdown(WORDS)
        start = _half_the_limit(kind, sweep)
        lr = st.number_input("learning rate", min_value=1e-6, max_value=1e6, value=start, format="%g", key="edge rate")
        if st.button("Descend and watch the curvature", key="edge") or st.session_state.get("edge asked") == sweep.key:
            st.session_state["edge asked"] = sweep.key
            run = Run(kind.name, kind.version, settings, sweep.seeds[0])
            page.chart(range_test.edge_chart(_edge(run, run.id, lr), lr, scale / lr), "edge")
            st.caption(f"Seed {run.seed}, float64, {range_test.EDGE_STEPS} updates.")
