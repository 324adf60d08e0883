"""Trainings at the suggested learning rate, below and above it: the check of a range test."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

import core
from core import files, tables
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
        drawn = _outcome(check).charts
        if not drawn:
            st.caption("Training …")
        for place, (name, chart) in enumerate(drawn.items()):
            if place == 0:
                page.chart(chart, name)
                columns = st.columns(max(1, len(drawn) - 1), gap="large")
            else:
                with columns[place - 1]:
                    page.chart(chart, name)
        if ended:
            st.rerun()

    renewed()
    fields, rate = check.link(), _outcome(check).rate
    rate = fields["base_lr"].split(",")[1] if rate is None else rate
    st.download_button(
        "CSV of these trainings",
        lambda: files.csv(_table(check)),
        f"check_{check.key[:8]}.csv",
        "text/csv",
        on_click="ignore",
        key="check csv",
    )
    st.page_link(
        page.page_of(core.experiment("schedulers")),
        label=f"Compare schedules at {rate}",
        icon=":material/arrow_forward:",
        query_params=fields | {"base_lr": rate, "scheduler": SCHEDULES},
    )


def check_charts(kind: Experiment, sweep: Sweep) -> dict[str, core.Figure]:
    """What ``check_rate`` has drawn of a finished sweep, by name."""
    check = _check(kind, sweep)
    return {} if check is None else _outcome(check).charts


def _check(kind: Experiment, sweep: Sweep) -> Sweep | None:
    """The trainings that check a sweep of one setting, once all of it is there and suggests a rate."""
    runs, frames = core.finished(sweep, page.store())
    if len(sweep.points) > 1 or len(runs) < len(sweep.seeds):
        return None
    settings = range_test.check_settings(tables.to_frame(kind.table(runs, frames)))
    return None if settings is None else core.experiment("schedulers").sweep(settings)


class Outcome(NamedTuple):
    """What the trainings say so far: charts by name, and the rate that they speak for once all are there."""

    charts: dict[str, core.Figure]
    rate: str | None


def _outcome(check: Sweep) -> Outcome:
    store = page.store()
    return _outcome_of(check, check.key, str(store.path), store.count(list(check.run_ids())))


@st.cache_resource(max_entries=8, show_spinner=False)
def _outcome_of(_check: Sweep, key: str, path: str, runs: int) -> Outcome:
    """The outcome of so many runs, worked out once however often the page is renewed."""
    if not runs:
        return Outcome({}, None)
    frame = tables.to_frame(_table(_check))
    whole = runs == len(_check.points) * len(_check.seeds)
    return Outcome(range_test.check_charts(frame), f"{range_test.checked_rate(frame):g}" if whole else None)


def _table(check: Sweep):  # type: ignore[no-untyped-def]  # pyarrow has no types
    return core.experiment("schedulers").table(*core.finished(check, page.store()))
