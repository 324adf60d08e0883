"""Predict, then run: the reader says what will happen, the run says what did."""

from __future__ import annotations

import streamlit as st

import core
from pages.widgets import form, page


def questions(kind: core.Experiment) -> None:
    """The experiment's questions, each with its choices, its run and, after it, its answer."""
    others = [pair for pair in enumerate(kind.questions()) if pair[0] != asked_first(kind)]
    if not others:
        return
    label = f"Predict, then run: {core.counted(len(others), 'question')}"
    unfolded = st.expander(label, key="predictions", on_change="rerun")
    if unfolded.open:
        with unfolded:
            for number, question in others:
                _ask(kind, number, question)


def asked_first(kind: core.Experiment) -> int | None:
    """The number of the question that a teacher's link puts before the result, from 0."""
    number = str(st.session_state.get(f"{kind.name}:{form.FIRST}", ""))
    return int(number) - 1 if number.isdecimal() and 1 <= int(number) <= len(kind.questions()) else None


def first(kind: core.Experiment) -> bool:
    """Draws the question that a link puts first; whether the result is still to be hidden."""
    number = asked_first(kind)
    if number is None:
        return False
    hides = not st.session_state.get(f"predict {kind.name} {number} asked")
    with st.container(border=True):
        if hides:
            st.markdown("**Predict first.** The result stands here once you have said what will happen.")
        else:
            st.markdown("**Predicted.** What the question's own runs give stands here, the result of the link below.")
        _ask(kind, number, kind.questions()[number])
    return hides


def _ask(kind: core.Experiment, number: int, question: core.Question) -> None:
    key = f"predict {kind.name} {number}"
    sweep, store = kind.sweep(question.settings), page.store()
    drawn = bool(st.session_state.get(f"{key} asked"))
    clock = drawn and _running(sweep, store)

    @st.fragment(run_every=1.0 if clock else None)
    def renewed() -> None:
        guess = st.session_state.get(f"{key} asked")
        place = None if guess is None else question.choices.index(guess)
        chosen = st.radio(question.ask, question.choices, index=place, key=f"{key} guess", disabled=guess is not None)
        if guess is None:
            st.button(
                "Run it and see",
                key=f"{key} run",
                disabled=chosen is None,
                on_click=_run,
                args=(key, chosen, sweep, store),
            )
            return
        if not drawn or _running(sweep, store) != clock:  # what waited for the prediction is shown; the clock is set
            st.rerun()
        job = page.jobs().find(sweep, store)
        if clock and job is not None:
            st.caption(f"Running: {job.progress.finished:,} of {job.progress.total:,} …")
            return
        answer = _answer(kind, question, sweep, store, sweep.key, str(store.path), page.stored_count(sweep))
        if answer is None:
            st.caption("The run was stopped before its end; press Run it and see once more.")
            del st.session_state[f"{key} asked"]
        else:
            _judge(kind, question, guess, answer)

    renewed()


def _running(sweep: core.Sweep, store: core.Store) -> bool:
    """Whether the question's sweep computes just now."""
    job = page.jobs().find(sweep, store)
    return job is not None and job.running


def _run(key: str, guess: str, sweep: core.Sweep, store: core.Store) -> None:
    """Starts the question's sweep; what was guessed is kept, since Streamlit forgets a field that is folded away."""
    st.session_state[f"{key} asked"] = guess
    page.start(sweep)


@st.cache_data(max_entries=64, show_spinner=False)
def _answer(
    _kind: core.Experiment,
    _question: core.Question,
    _sweep: core.Sweep,
    _store: core.Store,
    key: str,
    path: str,
    finished: int,
) -> core.Answer | None:
    """The answer to a question whose sweep has so many runs finished; None while some are missing."""
    if finished < len(_sweep.points) * len(_sweep.seeds):
        return None
    frame = core.to_frame(core.stored_table(_sweep, _store))
    return _question.answer(_kind.analysis(frame))


def _judge(kind: core.Experiment, question: core.Question, guess: str, answer: core.Answer) -> None:
    """What was predicted beside what came out."""
    choice, words = answer
    measured = question.choices[choice]
    if guess == measured:
        st.success(f"As you said: {measured}. {core.plain(words)}")
    else:
        st.info(f"You said “{guess}”; it came out “{measured}”. {core.plain(words)}")
    st.page_link(
        page.page_of(kind), label="Open this run", icon=":material/open_in_new:", query_params=question.settings
    )
