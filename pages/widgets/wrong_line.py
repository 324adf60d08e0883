"""One wrong line beside the right one: code, course and price, and what ``watch`` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

import core
from pages.widgets import page, result_panel

RIGHT = "none"


def result(kind: core.Experiment, sweep: core.Sweep) -> None:
    """The result, and one of its wrong lines beside the right one."""
    names = [name for name in sweep.axes["mistake"] if name != RIGHT]
    answer = kind.room("headline").answer
    if not names:
        result_panel.result_panel(kind, sweep, answer=partial(answer, kind))
        return
    middle, more = partial(_middle, kind, sweep, names), partial(_charts, kind, sweep, names)
    result_panel.result_panel(kind, sweep, middle, more, answer=partial(answer, kind))


def _middle(kind: core.Experiment, sweep: core.Sweep, names: list[str]) -> None:
    """The two loops side by side; of several mistakes the one that is chosen, with its course."""
    st.subheader("The wrong line and the right one")
    entries = core.REGISTRIES[kind.name]
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox(
            "Mistake", names, format_func=lambda name: f"{name} – {entries[name].label}", key="wrong line"
        )
    point = next(point for point in sweep.points if point.values()["mistake"] == chosen)
    entry, sides = entries[chosen], kind.room("sides").sides(point)
    st.markdown(f"{core.plain(entry.effect)} {core.plain(entry.remedy)}")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Wrong**")
        st.code(sides.wrong, language="diff", wrap_lines=True)
    with right:
        st.markdown("**Right**")
        st.code(sides.right, language="diff", wrap_lines=True)
    st.markdown(
        f"{result_panel.ICONS[entry.severity]} **What `watch` says of the wrong script:** {core.plain(entry.told)} (`{entry.finding}`)"
    )
    st.code(
        f"python -m core code {kind.name} mistake={chosen} > train.py && python -m core watch train.py",
        language="bash",
        wrap_lines=True,
    )
    if len(names) > 1:
        figures = list(_charts(kind, sweep, [chosen]).items())
        for start in range(0, len(figures), 2):
            for column, (name, figure) in zip(st.columns(2, gap="large"), figures[start : start + 2], strict=False):
                with column:
                    page.chart(figure, f"{chosen} {name}")


def _charts(kind: core.Experiment, sweep: core.Sweep, names: list[str]) -> Mapping[str, core.Figure]:
    """The course of the first of these mistakes beside its right loop's, by the chart's name; nothing before there is one."""
    analysis = result_panel.analysis_of(sweep)
    if analysis is None or names[0] not in set(analysis.frame["mistake"]):
        return {}
    return kind.room("charts").pair_charts(kind, analysis, names[0])
