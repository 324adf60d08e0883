"""Run, Cancel, cost and progress of one sweep; the job itself lives in the server."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

import core
from pages.widgets import page, turns

SMALL_SECONDS = 6.0  # of computing: a sweep so small starts by itself
OFFERED_SECONDS = 30.0  # what the lab offers by itself starts so too: what a page shows first, and its other presets
AT_ONCE = 1.0  # seconds: a sweep that takes less is waited for, and drawn once, when it is whole


class Panel(NamedTuple):
    """What the panel saw as it was drawn: the sweep's job, whether it ran, and how many of its runs were stored."""

    job: core.Job | None
    running: bool
    stored: int


def job_panel(sweep: core.Sweep) -> Panel:
    """The sweep's job. A small sweep and a preset start by themselves, a large one on Run."""
    jobs, store = page.jobs(), page.store()
    if sweep.stored:
        return Panel(None, False, page.stored_count(sweep))
    cost = page.estimate(sweep, sweep.key)
    job = jobs.find(sweep, store)
    if job is None and page.stored_count(sweep) == cost.runs:  # nothing to compute: it is listed all the same
        page.remember(sweep)
    running = job is not None and job.running  # before counting: what ends in between is seen by who polls
    stored = page.stored_count(sweep)
    wanted = st.session_state.pop(f"{sweep.experiment}:start", False)
    idle = job is None or (wanted and not running)
    computing = cost.computing(stored)
    if stored < cost.runs and idle and _starts_by_itself(sweep, computing):
        started = page.start(sweep)
        if started is not None:
            job = started
            if computing <= AT_ONCE:
                with turns.given_away():
                    job.wait(AT_ONCE)
            running = job.running
            stored = page.stored_count(sweep)
    return Panel(job, running, stored)


def _starts_by_itself(sweep: core.Sweep, computing: float) -> bool:
    """Whether nobody has to press Run: it is small, or a preset."""
    if computing <= SMALL_SECONDS or computing > OFFERED_SECONDS:
        return computing <= SMALL_SECONDS
    kind = core.experiment(sweep.experiment)
    return any(sweep.key == kind.sweep(preset.settings).key for preset in kind.presets)


def status_line(sweep: core.Sweep, job: core.Job | None) -> None:
    """One line: Run with the cost, or progress with Cancel, or that all is computed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", height=48, border=False):
        if sweep.stored:
            st.caption(
                "Over a table of the command line: what it computed is shown, and a page can't compute more of it."
            )
            return
        if job is not None and job.running:
            # callbacks, because a click is lost when another rerun cuts in before its button is drawn
            st.button("Cancel", disabled=job.cancelling, key="cancel", on_click=job.cancel)
            state = job.progress
            st.progress(min(1.0, state.finished / max(1, state.total)), text=_progress_words(job))
            return
        cost, stored = page.estimate(sweep, sweep.key), page.stored_count(sweep)
        if stored < cost.runs:
            st.button("Run", type="primary", key="run", on_click=page.start, args=(sweep,))
        else:
            st.empty()  # where Cancel stood, so that the words below take the place of the bar at once
        st.caption(f"{_cost_words(cost, stored, cost.computing(stored))}{_ended_words(job)}")
    if "busy" in st.session_state:
        st.warning(st.session_state["busy"])
    if job is not None and job.progress.state == "failed":
        st.error(core.plain(job.progress.error))


def other_jobs(sweep: core.Sweep) -> list[core.Job]:
    """What this session has started on the same page with other settings, and still computes."""
    return [
        job
        for job in page.jobs().running()
        if job.owner == page.session() and job.sweep.experiment == sweep.experiment and job.sweep.key != sweep.key
    ]


def other_lines(jobs: list[core.Job]) -> None:
    """A line for each, with a way to end it."""
    for job in jobs:
        words = page.sweep_words(core.experiment(job.sweep.experiment), job.sweep.link())
        with st.container(horizontal=True, vertical_alignment="center", gap="small", border=False):
            st.button("Cancel it", disabled=job.cancelling, key=f"cancel {job.sweep.key}", on_click=job.cancel)
            state = job.progress
            ends = "Ending, what is being computed still counts" if job.cancelling else "Still under way"
            st.caption(f"{ends}: {state.finished:,} of {state.total:,} runs of {core.plain(words)}.")


def _cost_words(cost: core.Estimate, stored: int, computing: float) -> str:
    if stored == cost.runs:
        return f"{cost.runs:,} runs, all in the store." if stored > 1 else "One run, and it is in the store."
    there = f", {stored:,} of them in the store" if stored else ""
    return f"{core.counted(cost.runs, 'run')}{there}: about {max(1.0, computing):,.0f} s, {cost.bytes / 1e9:.1f} GB of memory."


def _progress_words(job: core.Job) -> str:
    state = job.progress
    words = f"{state.finished:,} of {state.total:,} runs"
    if job.cancelling:
        return words + ": cancelling; what is being computed ends first"
    if not state.computed:
        others = len(page.jobs().running()) - 1
        beside = core.counted(others, "other sweep")
        return words + (f": takes turns with {beside}" if others else ": workers are starting")
    return words + (f", about {max(1, round(state.seconds_left))} s left" if state.seconds_left is not None else "")


def _ended_words(job: core.Job | None) -> str:
    """What is worth knowing of a job that has ended."""
    if job is None:
        return ""
    state = job.progress
    words = " Cancelled: what is finished is kept, and Run goes on from here." if state.state == "cancelled" else ""
    return words + (f" {state.damaged:,} damaged rows were replaced." if state.damaged else "")
