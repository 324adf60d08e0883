"""One wrong line beside the right one: code, course and price, and what ``watch`` says of it."""

from __future__ import annotations

from functools import lru_cache, partial

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
    figures = None
    if len(names) > 1 and chosen in set(analysis.frame["mistake"]):
        figures = _course(kind.name, analysis, chosen)
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
    if figures and course is not None:
        first, *others = figures
        with course:
            page.chart(figures[first], f"{chosen} {first}", LEAD_HEIGHT)
        unfolded = st.expander("Its training loss and learning rate", key=f"course of {chosen}", on_change="rerun")
        if unfolded.open:  # they are drawn then
            with unfolded:
                page.charts({f"{chosen} {name}": figures[name] for name in others})


@lru_cache(maxsize=8)
def _course(name: str, analysis: core.Analysis, mistake: str) -> core.Figures:
    """The course of one mistake beside the right loop's, each chart drawn once however often the page is renewed."""
    kind = core.experiment(name)
    return kind.room("charts").pair_charts(kind, analysis, mistake)
