"""One step of training under the microscope: its operations, its gradients three ways, the chain rule of one weight."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import core
from pages.widgets import page
from pages.widgets.film import Scene, room

SHOWN_PATHS = 50
ARROWS = {"forward": "→ forward", "back": "← back", "update": "↻ update"}


def microscope(scene: Scene) -> None:
    """Draws all numbers of the step that the film stands at."""
    view = page.choice("What to look at", tuple(VIEWS), "view")
    features, hidden = scene.step.network.W1.shape
    largest = room(scene.run, "film").LARGEST
    if max(features, hidden) > largest and VIEWS[view] is not _source:
        st.info(
            f"{hidden} hidden units of {features} inputs are too many numbers to look at: choose {largest} or fewer."
        )
    else:
        VIEWS[view](scene)


def _ranked(scene: Scene) -> None:
    page.chart(room(scene.run, "pictures").ranked_chart(scene.step), "ranked")


def _walk(scene: Scene) -> None:
    operations = room(scene.run, "steps").operations(scene.step, scene.run.settings.base_lr)
    count = len(operations)
    back, slider, ahead, everything = st.columns([1, 5, 1, 2], vertical_alignment="bottom")
    back.button("Back", width="stretch", key="walk:back", on_click=_move, args=(-1, count))
    ahead.button("Next", type="primary", width="stretch", key="walk:next", on_click=_move, args=(1, count))
    number = slider.select_slider(
        "Operation",
        range(1, count + 1),
        key="walk:number",
        format_func=lambda number: f"{number}. {operations[number - 1].title}",
    )
    shown = operations if everything.checkbox("show all", key="walk:all") else [operations[number - 1]]
    for operation in shown:
        position = operations.index(operation) + 1
        with st.container(border=True):
            st.markdown(f"**{position} of {count} · {ARROWS[operation.way]} · {operation.title}**")
            st.write(operation.words)
            st.latex(operation.formula)
            st.latex(operation.numbers)
            if operation.title == "How wrong is it?":
                _losses(scene)


def _move(by: int, count: int) -> None:
    now = st.session_state.get("walk:number", 1)
    st.session_state["walk:number"] = min(count, max(1, now + by))


def _losses(scene: Scene) -> None:
    """The loss beside the number that the lesson's code gives."""
    found = room(scene.run, "steps").losses(scene.step)
    m = len(scene.step.y)
    with st.expander("The lesson's code prints another number. Why?"):
        st.markdown(
            f"The loss is **{core.three_digits(found['right'])}**. The lesson's `compute_loss` gives "
            f"**{core.three_digits(found['lesson'])}**: its answers `y` have the shape ({m},), its predictions ({m}, 1), and "
            f"NumPy stretches the two to a table of {m} × {m}, every prediction beside *every* answer, and takes the "
            "mean of that. The better the network, the more the wrong pairs weigh: the printed number rises while the "
            "network learns. Its gradients do not use the number, so that training is right all the same."
        )
        if scene.example is None:
            page.chart(room(scene.run, "pictures").losses_chart(scene.film), "losses")
        st.markdown(
            f"As the formula is written, with log a₂, the loss is {core.three_digits(found['naive'])} here. Once a prediction is "
            "exactly 0 or 1 that would be infinite; taken from z₂ it stays a number."
        )


@st.cache_data(max_entries=64, show_spinner=False)
def _compared(_scene: Scene, key: tuple[str, int, int | None]) -> pd.DataFrame:
    """The gradients three ways; autograd needs torch, so a worker takes them."""
    step = _scene.step
    return page.jobs().workers.call(room(_scene.run, "film").three_ways, step.network, step.X, step.y)


def _three_ways(scene: Scene) -> None:
    table = _compared(scene, (scene.run.id, scene.epoch, scene.example))
    by_hand = table["by_hand"]
    shown = pd.DataFrame(
        {
            "parameter": table["name"],
            "value": table["value"],
            "by hand": by_hand,
            "autograd (PyTorch)": table["autograd"],
            "by definition (L(w+h) − L(w−h)) / 2h": table["difference"],
            "by hand − autograd": by_hand - table["autograd"],
            "by hand − definition": by_hand - table["difference"],
        }
    )
    machine = float((by_hand - table["autograd"]).abs().max())
    defined = float((by_hand - table["difference"]).abs().max())
    st.markdown(
        f"The same gradients from the formulas above, from PyTorch's autograd, and from the definition: nudge one parameter by "
        f"h = 10⁻⁶ up and down, and see what the loss does. Largest difference to autograd: **{core.three_digits(machine)}**; to the "
        f"definition: **{core.three_digits(defined)}**."
    )
    if room(scene.run, "film").on_a_kink(scene.step):
        st.caption(
            "A hidden unit stands exactly on the corner of its activation function (z₁ = 0), where there is no slope: the "
            "nudge up and the nudge down see different ones, and the definition gives their mean. By hand and autograd "
            "both take the left one."
        )
    number = st.column_config.NumberColumn(format="%.8f")
    small = st.column_config.NumberColumn(format="scientific")
    st.dataframe(
        shown,
        hide_index=True,
        height=min(420, 38 + 35 * len(shown)),
        column_config=dict.fromkeys(shown.columns[1:5], number) | dict.fromkeys(shown.columns[5:], small),
    )


def _chain(scene: Scene) -> None:
    names = room(scene.run, "film").parameter_names(scene.step.network)
    places = list(names)
    place = st.selectbox("Parameter", places, format_func=names.__getitem__, key="chain:parameter")
    place = place if place in names else places[0]
    table = room(scene.run, "film").paths(scene.step, *place)
    gradient = float(getattr(scene.step.backward, f"d{place[0]}")[place[1:]])
    links = [name for name in table.columns if name not in ("example", "product")]
    st.markdown(
        f"From “{names[place]}” one path leads to the loss for each example. Along it, multiply what each step does to the "
        "next; then take the mean over the examples."
    )
    st.dataframe(
        table.head(SHOWN_PATHS),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.5f") for name in [*links, "product"]},
    )
    if len(table) > SHOWN_PATHS:
        st.caption(f"The first {SHOWN_PATHS} of {len(table):,} examples.")
    strongest = table.loc[table["product"].abs().idxmax()] if table["product"].notna().any() else table.iloc[0]
    st.latex(
        rf"\text{{example }} {int(strongest['example'])}:\quad "
        + room(scene.run, "steps").chain({name: float(strongest[name]) for name in links}, float(strongest["product"]))
    )
    st.latex(room(scene.run, "steps").mean_of([float(value) for value in table["product"]], gradient))
    st.caption(f"By hand the gradient is {core.three_digits(gradient)}: the same number.")


def _source(scene: Scene) -> None:
    st.code(room(scene.run, "film").network_source(), language="python")


VIEWS = {
    "Step by step": _walk,
    "What would change the loss most?": _ranked,
    "Why this gradient? The chain rule": _chain,
    "Every gradient, three ways": _three_ways,
    "All of it in NumPy": _source,
}
