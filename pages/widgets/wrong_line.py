"""One wrong line beside the right one: code, course and price, and what ``watch`` says of it."""

from __future__ import annotations

from functools import partial

import streamlit as st

import core
from pages.widgets import page, result_panel

RIGHT = "none"
LEAD_HEIGHT = 330


def result(kind: core.Experiment, sweep: core.Sweep) -> None:
    """The result, and one of its wrong lines beside the right one."""
    answer = partial(kind.room("headline").answer, kind)
    result_panel.result_panel(kind, sweep, aside=answer, between=partial(_side_by_side, kind, sweep))


def _side_by_side(kind: core.Experiment, sweep: core.Sweep, analysis: core.Analysis) -> None:
    """The two loops; of several mistakes those of the one that is chosen, with its course."""
    names = [name for name in sweep.axes["mistake"] if name != RIGHT]
    if not names:
        return
    st.subheader("The wrong line and the right one")
    entries = core.REGISTRIES[kind.name]
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox(
            "Mistake", names, format_func=lambda name: f"{name} – {entries[name].label}", key="wrong line"
        )
    point = next(point for point in sweep.points if point.values()["mistake"] == chosen)
    entry = entries[chosen]
    st.markdown(f"{core.plain(entry.effect)} {core.plain(entry.remedy)}")
    figures = {}
    if len(names) > 1 and chosen in set(analysis.frame["mistake"]):
        figures = kind.room("charts").pair_charts(kind, analysis, chosen)
    code, course = st.columns(2, gap="medium") if figures else (st.container(), None)
    with code:
        st.code(kind.room("difference").difference(point), language="diff", wrap_lines=True)
        st.caption("−, red: the wrong line; +, green: the right one.")
        icon = result_panel.ICONS[entry.severity]
        told = core.plain(entry.told.replace("…", "N"))
        n = " N stands for what it counts in the run." if "…" in entry.told else ""
        st.markdown(f"{icon} **`watch` says of the wrong script:** {told} (`{entry.finding}`){n}")
        command = f"python -m core code {kind.name} mistake={chosen} > train.py && python -m core watch train.py"
        st.code(command, language="bash", wrap_lines=True)
    others = [(f"{chosen} {name}", figure) for name, figure in figures.items()]
    if course is not None:
        with course:
            name, figure = others.pop(0)
            page.chart(figure, name, LEAD_HEIGHT)
    if others:
        with st.expander("Its training loss and learning rate"):
            page.charts(dict(others))
