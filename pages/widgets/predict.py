"""Predict, then run: the reader says what will happen, the run says what did."""

from __future__ import annotations

import streamlit as st

import core
from core import tables
from core.experiments import Experiment
from core.experiments.questions import QUESTIONS, Question
from pages.widgets import page


def questions(kind: Experiment) -> None:
    """The experiment's questions, each with its choices, its run and, after it, its answer."""
    asked = QUESTIONS.get(kind.name, ())
    if not asked:
        return
    with st.expander(f"Predict, then run: {len(asked)} questions"):
        for number, question in enumerate(asked):
            _ask(kind, number, question)


def _ask(kind: Experiment, number: int, question: Question) -> None:
    key = f"predict {kind.name} {number}"
    sweep, store = kind.sweep(question.settings), page.store()

    waiting = st.session_state.get(f"{key} asked", False)
    job = page.jobs().find(sweep, store) if waiting else None

    @st.fragment(run_every=1.0 if job is not None and job.running else None)
    def renewed() -> None:
        guess = st.radio(question.ask, question.choices, index=None, key=f"{key} guess")
        asked = st.session_state.get(f"{key} asked", False)
        if not asked:
            if st.button("Run it and see", key=f"{key} run", disabled=guess is None):
                st.session_state[f"{key} asked"] = True
                page.jobs().submit(sweep, store)
                st.rerun()
            return
        there = page.jobs().find(sweep, store)
        if there is not None and there.running:
            st.caption(f"Running: {there.progress.finished:,} of {there.progress.total:,} …")
            return
        runs, frames = core.finished(sweep, store)
        if len(runs) < len(sweep.points) * len(sweep.seeds):
            st.caption("The run was stopped before its end; nothing to compare with yet.")
            st.session_state[f"{key} asked"] = False
            return
        _answer(kind, question, guess, tables.to_frame(kind.table(runs, frames)))

    renewed()


def _answer(kind: Experiment, question: Question, guess: str | None, frame) -> None:  # type: ignore[no-untyped-def]
    choice, words = question.answer(frame)
    measured = question.choices[choice]
    if guess == measured:
        st.success(f"As you said: {measured}. {words}")
    else:
        said = f"You said “{guess}”; it came out" if guess else "It came out"
        st.info(f"{said} “{measured}”. {words}")
    st.page_link(
        page.page_of(kind), label="Open this run", icon=":material/open_in_new:", query_params=question.settings
    )
