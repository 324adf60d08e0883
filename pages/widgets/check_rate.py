"""Trainings at the suggested learning rate, below and above it: the check of a range test."""

from __future__ import annotations

import altair as alt
import streamlit as st

import core
from core import tables
from core.experiments import Experiment, range_test
from core.settings import Sweep
from pages.widgets import job_panel, page

SCHEDULES = "constant,plateau,cosine,one_cycle"


def check_rate(kind: Experiment, sweep: Sweep) -> None:
    """Once the range tests of one setting are there: short trainings around their suggestion, on one chart."""
    store, check = page.store(), _check(kind, sweep)
    if check is None:
        return
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
        drawn = _charts(check)
        for name, chart in drawn.items():
            page.chart(chart, name)
        if not drawn:
            st.caption("Training …")
        if ended:
            st.rerun()

    renewed()
    fields = check.link()
    st.page_link(
        page.page_of(core.experiment("schedulers")),
        label="Compare schedules at this rate",
        icon=":material/arrow_forward:",
        query_params=fields | {"base_lr": fields["base_lr"].split(",")[1], "scheduler": SCHEDULES},
    )


def check_charts(kind: Experiment, sweep: Sweep) -> dict[str, alt.Chart]:
    """What ``check_rate`` has drawn of a finished sweep, by name."""
    check = _check(kind, sweep)
    return {} if check is None else _charts(check)


def _check(kind: Experiment, sweep: Sweep) -> Sweep | None:
    """The trainings that check a sweep of one setting, once all of it is there and suggests a rate."""
    runs, frames = core.finished(sweep, page.store())
    if len(sweep.points) > 1 or len(runs) < len(sweep.seeds):
        return None
    settings = range_test.check_settings(tables.to_frame(kind.table(runs, frames)))
    return None if settings is None else core.experiment("schedulers").sweep(settings)


def _charts(check: Sweep) -> dict[str, alt.Chart]:
    """The chart of the trainings that are there; nothing while there are none."""
    runs, frames = core.finished(check, page.store())
    table = core.experiment("schedulers").table(runs, frames)
    return {"check": range_test.check_chart(tables.to_frame(table))} if runs else {}
