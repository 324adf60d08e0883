"""Trainings at the suggested learning rate, below and above it: the check of a range test."""

from __future__ import annotations

import streamlit as st

import core
from core import tables
from core.experiments import Experiment, range_test
from core.settings import Sweep
from pages.widgets import job_panel, page

SCHEDULES = "constant,plateau,cosine,one_cycle"


def check_rate(kind: Experiment, sweep: Sweep) -> None:
    """Once the range tests of one setting are there: short trainings around their suggestion, on one chart."""
    store = page.store()
    runs, frames = core.finished(sweep, store)
    if len(sweep.points) > 1 or len(runs) < len(sweep.seeds):
        return
    settings = range_test.check_settings(tables.to_frame(kind.table(runs, frames)))
    if settings is None:
        return
    trainings = core.experiment("schedulers")
    check = trainings.sweep(settings)
    st.subheader("Trained at that rate, and around it")
    cost = core.estimate(check)
    there = store.count(list(check.run_ids()))
    job = page.jobs().find(check, store)
    if there < cost.runs and job is None:
        if cost.computing(there) > job_panel.SMALL_SECONDS:
            st.caption(f"{cost.runs} trainings, about {cost.seconds:,.0f} s.")
            st.button("Train", key="check", on_click=page.jobs().submit, args=(check, store))
            return
        job = page.jobs().submit(check, store)
    running = job is not None and job.running

    @st.fragment(run_every=1.0 if running else None)
    def renewed() -> None:
        ended = running and job is not None and not job.running
        found, blobs = core.finished(check, store)
        if found:
            page.chart(range_test.check_chart(tables.to_frame(trainings.table(found, blobs))), "check")
        else:
            st.caption("Training …")
        if ended:
            st.rerun()

    renewed()
    st.page_link(
        page.page_of(trainings),
        label="Compare schedules at this rate",
        icon=":material/arrow_forward:",
        query_params=settings | {"base_lr": settings["base_lr"].split(",")[1], "scheduler": SCHEDULES},
    )
