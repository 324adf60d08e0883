"""Trainings at the suggested learning rate, below and above it: the check of a range test."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

import core
from pages.widgets import job_panel, page

SCHEDULES = "constant,plateau,cosine,one_cycle"


def check_rate(kind: core.Experiment, sweep: core.Sweep) -> None:
    """Once the range tests of one setting are there: short trainings around their suggestion, on one chart."""
    store, check = page.store(), _check(kind, sweep)
    if check is None:
        return
    st.subheader("Trained at that rate, and around it")
    cost = page.estimate(check, check.key)
    there = page.stored_count(check)
    job = page.jobs().find(check, store)
    if there < cost.runs and job is None:
        if cost.computing(there) > job_panel.SMALL_SECONDS:
            st.caption(f"{cost.runs} trainings, about {cost.seconds:,.0f} s.")
            st.button("Train", key="check", on_click=page.start, args=(check,))
            return
        job = page.start(check)
    running = job is not None and job.running

    @st.fragment(run_every=1.0 if running else None)
    def renewed() -> None:
        ended = running and job is not None and not job.running
        drawn = _outcome(kind, check).charts
        if not drawn:
            st.caption("Training …")
        page.charts(drawn)
        if ended:
            st.rerun()

    renewed()
    fields, rate = check.link(), _outcome(kind, check).rate
    rate = rate or fields["base_lr"].split(",")[1]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "CSV of these trainings",
            lambda: core.csv_bytes(core.stored_table(check, store)),
            f"check_{check.key[:8]}.csv",
            "text/csv",
            on_click="ignore",
            key="check csv",
        )
        st.page_link(
            page.page_of(core.experiment(kind.next)),
            label=f"Compare schedules at {rate}",
            icon=":material/arrow_forward:",
            query_params=fields | {"base_lr": rate, "scheduler": SCHEDULES},
        )


def advice(kind: core.Experiment, sweep: core.Sweep, analysis: core.Analysis) -> str | None:
    """What the trainings speak for, once all are there."""
    outcome = _whole_outcome(kind, sweep)
    return outcome and f"Use {outcome.rate}. Trained to check: {next(iter(outcome.charts.values())).title}."


def curve(kind: core.Experiment, sweep: core.Sweep, analysis: core.Analysis) -> core.Figure | None:
    """The curve with the rate marked that the trainings speak for, once all are there."""
    outcome = _whole_outcome(kind, sweep)
    return outcome and _curve(kind, analysis, sweep.key, str(page.store().path), outcome.rate)


@st.cache_resource(max_entries=8, show_spinner=False)
def _curve(_kind: core.Experiment, _analysis: core.Analysis, key: str, path: str, rate: str) -> core.Figure:
    return _kind.room("charts").checked_chart(_kind, _analysis, float(rate))


def _whole_outcome(kind: core.Experiment, sweep: core.Sweep) -> Outcome | None:
    """What all trainings of the check say; None while some are missing."""
    check = _check(kind, sweep)
    outcome = None if check is None else _outcome(kind, check)
    return outcome if outcome is not None and outcome.rate else None


def check_charts(kind: core.Experiment, sweep: core.Sweep) -> dict[str, core.Figure]:
    """What ``check_rate`` has drawn of a finished sweep, by name; the curve with the rate to use takes the plain one's place."""
    check = _check(kind, sweep)
    if check is None:
        return {}
    marked = curve(kind, sweep, _analysis(kind, sweep, sweep.key, str(page.store().path)))
    return ({"curve": marked} if marked else {}) | _outcome(kind, check).charts


def _check(kind: core.Experiment, sweep: core.Sweep) -> core.Sweep | None:
    """The trainings that check a sweep of one setting, once all of it is there and suggests a rate."""
    if len(sweep.points) > 1 or page.stored_count(sweep) < len(sweep.seeds):
        return None
    return _check_of(kind, sweep, sweep.key, str(page.store().path))


@st.cache_resource(max_entries=8, show_spinner=False)
def _analysis(_kind: core.Experiment, _sweep: core.Sweep, key: str, path: str) -> core.Analysis:
    """A finished sweep, read from the store once."""
    return _kind.analysis(core.to_frame(core.stored_table(_sweep, page.store())))


@st.cache_resource(max_entries=32, show_spinner=False)
def _check_of(_kind: core.Experiment, _sweep: core.Sweep, key: str, path: str) -> core.Sweep | None:
    """The same, worked out once."""
    settings = _kind.room("check").check_settings(_analysis(_kind, _sweep, key, path))
    return None if settings is None else core.experiment(_kind.next).sweep(settings)


class Outcome(NamedTuple):
    """What the trainings say so far: charts by name, and the rate that they speak for, empty until all are there."""

    charts: dict[str, core.Figure]
    rate: str


def _outcome(kind: core.Experiment, check: core.Sweep) -> Outcome:
    store = page.store()
    lacking = len(core.lacking(check.axes["dataset"]))
    return _outcome_of(kind, check, check.key, str(store.path), page.stored_count(check), lacking)


@st.cache_resource(max_entries=8, show_spinner=False)
def _outcome_of(_kind: core.Experiment, _check: core.Sweep, key: str, path: str, runs: int, lacking: int) -> Outcome:
    """The outcome of so many runs, worked out once however often the page is renewed, and again with its baselines."""
    if not runs:
        return Outcome({}, "")
    frame = core.to_frame(core.stored_table(_check, page.store()))
    whole = runs == len(_check.points) * len(_check.seeds)
    check = _kind.room("check")
    return Outcome(check.check_charts(frame), f"{check.checked_rate(frame):g}" if whole else "")
