"""One run of ``backprop`` as a film: a slider over its epochs, the network drawn, the boundary, the course."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

import core
from pages.widgets import page

FRAME_SECONDS = 0.8
SHOWN_SEEDS = 200
SHOWN_EXAMPLES = 200


class Scene(NamedTuple):
    """Where the reader stands: the run, its film, the epoch and the examples that are looked at."""

    run: core.Run
    film: Any
    epoch: int
    example: int | None
    step: Any


def room(run: core.Run, name: str) -> Any:
    """A room of the run's experiment."""
    return core.experiment(run.experiment).room(name)


@st.cache_resource(max_entries=8, show_spinner="Training this run once more, to film it …")
def _film(_run: core.Run, id: str) -> Any:
    """The film of a run; made in a worker, kept for all sessions."""
    return page.jobs().workers.call(room(_run, "film").film, _run)


def chosen_run(sweep: core.Sweep) -> core.Run:
    """The run of the sweep that the reader wants to see: the first, or one of several."""
    points, seeds = sweep.points, list(sweep.seeds)[:SHOWN_SEEDS]
    names = [name for name in sweep.model.names() if len({getattr(point, name) for point in points}) > 1]
    point, seed = points[0], seeds[0]
    left, right = st.columns([3, 1])
    if len(points) > 1:
        labels = [", ".join(f"{name}={getattr(point, name)}" for name in names) for point in points]
        chosen = left.selectbox("Which network?", range(len(points)), format_func=labels.__getitem__, key="film:point")
        point = points[min(chosen, len(points) - 1)]
    if len(seeds) > 1:
        seed = right.selectbox("Which seed?", seeds, key="film:seed", help="Another seed has other first weights.")
    return core.Run(sweep.experiment, sweep.version, point, seed)


def playing() -> bool:
    """Whether the film runs by itself."""
    return bool(st.session_state.get("film:playing"))


def film_panel(run: core.Run) -> Scene:
    """Draws the film at the epoch of the slider; what it shows."""
    film = _film(run, run.id)
    epochs = [int(epoch) for epoch in film.epochs]
    if st.session_state.get("film:epoch") not in epochs:
        st.session_state["film:epoch"] = 0
    if playing():
        _advance(epochs)
    button, slider, examples = st.columns([1, 5, 2], vertical_alignment="bottom")
    button.button(
        "Pause" if playing() else "Play",
        icon=":material/pause:" if playing() else ":material/play_arrow:",
        width="stretch",
        key="film:play",
        on_click=_toggle,  # a callback, because a click is lost when another rerun cuts in before its button is drawn
    )
    epoch = slider.select_slider("Epoch: how often all weights have been corrected", epochs, key="film:epoch")
    example = _example(examples, film)
    picked = slice(None) if example is None else slice(example, example + 1)
    step = room(run, "film").step_of(film.network(epoch), film.X[picked], film.y[picked])
    left, right = st.columns(2, gap="medium")
    with left:
        page.chart(room(run, "pictures").network_chart(step), "network")
    with right:
        page.chart(room(run, "pictures").boundary_chart(film, epoch), "boundary")
    drawn = (
        (room(run, "pictures").loss_course, "course loss"),
        (room(run, "pictures").gradients_course, "course gradients"),
        (room(run, "pictures").predictions_course, "course predictions"),
    )
    for column, (picture, name) in zip(st.columns(3, gap="medium"), drawn, strict=True):
        with column:
            page.chart(picture(film, epoch), name)
    st.caption(
        "Each line is a weight. Were it larger, the loss would rise (orange: it is turned down) or fall (blue: it is turned up), "
        "once an epoch. Drag the slider, or press Play."
    )
    return Scene(run, film, epoch, example, step)


def _example(place, film: Any) -> int | None:  # type: ignore[no-untyped-def]  # a column of Streamlit's
    rows = min(len(film.X), SHOWN_EXAMPLES)
    few = film.X.shape[1] <= 3

    def label(row: int | None) -> str:
        if row is None:
            return f"all {len(film.X):,} examples"
        inputs = ", ".join(f"{value:.3g}" for value in film.X[row]) if few else f"example {row + 1}"
        return f"{inputs} → {film.y[row, 0]:.0f}"

    chosen = place.selectbox(
        "Looking at",
        [None, *range(rows)],
        format_func=label,
        key="film:example",
        help="The whole batch, as in training, or what a single example alone would ask for.",
    )
    return chosen if chosen is None or chosen < rows else None


def _toggle() -> None:
    """Starts or stops the film."""
    st.session_state["film:playing"] = not playing()


def _advance(epochs: list[int]) -> None:
    """Moves the film on by one picture, from its end to its beginning; stops it at the last."""
    position = epochs.index(st.session_state["film:epoch"]) + 1
    st.session_state["film:epoch"] = epochs[position % len(epochs)]
    if position == len(epochs) - 1:
        st.session_state["film:playing"] = False
