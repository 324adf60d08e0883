"""Run, Cancel, cost and progress of one sweep; the job itself lives in the server."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

import core
from pages.widgets import page

SMALL_SECONDS = 6.0  # of computing: a sweep so small starts by itself


class Panel(NamedTuple):
    """What the panel saw as it was drawn: the sweep's job, whether it ran, and how many of its runs were stored."""

    job: core.Job | None
    running: bool
    stored: int


def job_panel(sweep: core.Sweep) -> Panel:
    """Draws the panel. A small sweep starts by itself, a large one on Run."""
    jobs, store = page.jobs(), page.store()
    if sweep.stored:
        st.caption("Over a table of the command line: what it computed is shown, and a page can't compute more of it.")
        return Panel(None, False, page.stored_count(sweep))
    cost = page.estimate(sweep, sweep.key)
    job = jobs.find(sweep, store)
    running = job is not None and job.running  # before counting: what ends in between is seen by who polls
    stored = page.stored_count(sweep)
    wanted = st.session_state.pop(f"{sweep.experiment}:start", False)
    computing = cost.computing(stored)
    if stored < cost.runs and (job is None or (wanted and not running)) and computing <= SMALL_SECONDS:
        job, running = jobs.submit(sweep, store), True
    left, middle, right = st.columns([1, 1, 5], vertical_alignment="center", gap="small")
    # callbacks, because a click is lost when another rerun cuts in before its button is drawn
    left.button(
        "Run",
        type="primary",
        disabled=running or stored == cost.runs,
        width="stretch",
        key="run",
        on_click=jobs.submit,
        args=(sweep, store),
    )
    middle.button(
        "Cancel",
        disabled=not running or (job is not None and job.cancelling),
        width="stretch",
        key="cancel",
        on_click=job.cancel if job is not None else None,
    )
    right.caption(_cost_words(cost, stored, computing))
    return Panel(job, running, stored)


def _cost_words(cost: core.Estimate, stored: int, computing: float) -> str:
    if stored == cost.runs:
        return f"{cost.runs:,} runs, all in the store." if stored > 1 else "One run, and it is in the store."
    there = f", {stored:,} of them in the store" if stored else ""
    return f"{cost.runs:,} run{'s' if cost.runs > 1 else ''}{there}: about {max(1.0, computing):,.0f} s to compute, {cost.bytes / 1e9:.1f} GB of memory."


def progress(job: core.Job | None) -> None:
    """One line on how far the job is; keeps its place when there is nothing to say."""
    place = st.container(height=56, border=False)
    if job is None:
        return
    state = job.progress
    if state.state == "failed":
        place.error(core.plain(state.error))
        return
    words = f"{state.finished:,} of {state.total:,} runs"
    if job.cancelling:
        words += ": cancelling; what is being computed ends first"
    elif job.running:
        left = f", about {max(1, round(state.seconds_left))} s left" if state.seconds_left is not None else ""
        words += left if state.computed else ": workers are starting"
    elif state.state == "cancelled":
        words += ": cancelled. What is finished is kept; Run goes on from here."
    else:
        words += f": {state.stored:,} from the store, {state.computed:,} computed in {state.seconds:.1f} s."
        words += f" {state.damaged:,} damaged rows were replaced." if state.damaged else ""
    place.progress(min(1.0, state.finished / max(1, state.total)), text=words)
