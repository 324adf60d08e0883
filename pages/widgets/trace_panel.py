"""One training on the page Diagnose: what is wrong with it, its charts, what can be taken away."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import PurePath
from typing import Any

import streamlit as st

import core
from pages.widgets import page
from pages.widgets.result_panel import ICONS

SHOWN_EVIDENCE = 12
Drawn = tuple[core.Trace, list[core.Finding], dict[str, core.Figure]]


@dataclass(frozen=True)
class Source:
    """What the reader can choose: a recording beside the store, or a file dropped on the page.

    traces     its trainings; ValueError with a sentence where it can't be read
    key        changes with its content
    recording  None for a file
    """

    name: str
    label: str
    key: str
    traces: Callable[[], list[core.Trace]]
    recording: core.Recording | None = None


def recorded(recording: core.Recording, store: str) -> Source:
    """A recording as a source."""
    made = time.strftime("%d %b %H:%M", time.localtime(recording.changed))
    key = f"{store} {recording.name} {recording.changed} {recording.size}"
    return Source(
        recording.name,
        f"{recording.name} · {made}",
        key,
        lambda: [core.open_recording(recording.name, store)],
        recording,
    )


def dropped(name: str, data: bytes) -> Source:
    """A file dropped on the page as a source."""
    key = f"{name} {hashlib.sha256(data).hexdigest()}"
    return Source(name, f"file {name}", key, lambda: core.read_log(name, data))


@st.cache_resource(max_entries=8, show_spinner=False)
def _traces(key: str, _source: Source) -> list[core.Trace]:
    """A source's trainings, read once for all sessions, which only look at them."""
    return _source.traces()


@st.cache_resource(max_entries=16, show_spinner=False)
def _drawn(key: str, run: int, _source: Source) -> Drawn:
    trace = _traces(key, _source)[run]
    return trace, core.findings_of(trace), core.trace_charts(trace)


def chosen_run(source: Source, side: str) -> int | None:
    """Which training of the source is shown, by default the last; None, with a sentence, where it can't be read."""
    try:
        traces = _traces(source.key, source)
        if not traces:
            raise ValueError(f"{source.name}: holds no training")
        run = len(traces) - 1
        if run:
            run = st.selectbox(
                "Run",
                range(len(traces)),
                index=run,
                format_func=lambda place: (
                    f"run {traces[place].name or place + 1}: {traces[place].facts.get('says', '')}"
                ),
                key=f"run {side} {source.key}",
                help="The file holds several trainings, one after the other.",
            )
        _drawn(source.key, run, source)
    except ValueError as error:
        st.error(core.plain(error))
        return None
    return run


def is_alive(source: Source, run: int) -> bool:
    """Whether the script of a recording still runs."""
    return source.recording is not None and core.under_way(_drawn(source.key, run, source)[0], source.recording)


def show(source: Source, run: int, side: str, alone: bool) -> bool:
    """Findings, then charts; whether the script still runs."""
    trace, findings, charts = _drawn(source.key, run, source)
    alive = is_alive(source, run)
    says = core.plain(f"{trace.facts.get('format', '')}: {trace.facts.get('says', '')}")
    st.caption(f"**{core.plain(source.name)}** · {says}")
    if alive:
        st.info("The script is under way; what follows is renewed as it goes on.", icon=":material/sensors:")
    named = {f"{side} {name}": chart for name, chart in charts.items()}
    loss = named.pop("left loss", None) if alone else None
    left, right = st.columns([5, 7], gap="medium") if loss else (st.container(), st.container())
    first = findings[: 2 - len(findings) % 2] if alone else findings  # pairs are left, which fill their rows
    with left:  # what is wrong, beside the loss that shows it
        _verdict(trace, findings, alive)
        for finding in first:
            _finding(finding)
        _typical_steps(trace)
    if loss:
        with right:
            page.chart(loss, "left loss", alone=True)
    others = findings[len(first) :]
    for column, finding in zip(cycle(st.columns(2, gap="medium")) if others else (), others, strict=False):
        with column:
            _finding(finding)
    if alone:
        page.charts(named)
    else:  # the two trainings stand side by side, chart beside chart
        for name, chart in named.items():
            page.chart(chart, name, alone=True)
    if not charts:
        st.caption("There is no course to draw.")
    return alive


def _verdict(trace: core.Trace, findings: list[core.Finding], alive: bool) -> None:
    """That there is no fault, where there is none."""
    verdict = core.verdict_of(trace, findings)
    if verdict and alive:
        st.info(core.plain(verdict.replace("No fault found", "No fault found so far", 1)))
    elif verdict:
        st.success(core.plain(verdict))


def _finding(finding: core.Finding) -> None:
    """A finding with its place, its remedy and its numbers."""
    with st.container(border=finding.severity != "info"):
        st.markdown(_finding_text(finding))
        if finding.link:
            page.see_it_work(finding.link)
        numbers = _evidence(finding.evidence)
        if numbers:
            st.caption(f"Evidence: {numbers}")


def _typical_steps(trace: core.Trace) -> None:
    """In which order the script calls what a step is made of."""
    for order in core.typical_steps(trace):
        st.markdown(f"**A typical step** · {core.plain(order)}")


def _finding_text(finding: core.Finding) -> str:
    """A finding as Markdown: its sentence, what to change, and the line that it is about."""
    place = f"  \n:material/code: {core.plain(finding.file)}" if finding.file else ""
    return f"{ICONS[finding.severity]} **{_with_code(finding.message)}**  \n{_with_code(finding.remedy)}{place}"


def _with_code(text: str) -> str:
    """Anybody's words as Markdown, what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return core.plain(text)
    shown = [f"`{part}`" if place % 2 and part.strip() else core.plain(part) for place, part in enumerate(parts)]
    return "".join(shown).replace("\n", " ")


def _evidence(evidence: dict[str, Any]) -> str:
    """The numbers behind a finding, and what it explains."""
    parts = []
    for name, value in list(evidence.items())[:SHOWN_EVIDENCE]:
        label = "explains also" if name == "symptoms" else name.replace("_", " ")
        parts.append(core.plain(f"{label} {_value(value)}"))
    return " · ".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, list, tuple)):
        return str(value).replace("_", " ")[:200]
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(item) for item in value[:6]) + (" …" if len(value) > 6 else "")
    return f"{value:,}" if isinstance(value, int) else core.three_digits(value) if math.isfinite(value) else str(value)


def take_away(source: Source, run: int, side: str, store: str) -> None:
    """The steps as CSV, and a recording's deletion."""
    left, middle, right = st.columns(3)
    middle.download_button(
        "Report",
        lambda: _report(source, run, store),
        f"{PurePath(source.name).stem or 'training'}.html",
        "text/html",
        on_click="ignore",
        width="stretch",
        key=f"report {side}",
        help="Findings and live charts in one HTML file, which opens offline.",
    )
    left.download_button(
        "Steps as CSV",
        lambda: core.steps_csv(_newest(source, run, store)),
        f"{PurePath(source.name).stem or 'training'}_steps.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
        key=f"csv {side}",
    )
    if source.recording is None:
        return
    with right.popover("Delete recording", width="stretch", key=f"deletion {side}"):
        st.write("Deletes the recording's file. It can't be undone.")
        st.button("Delete it", type="primary", on_click=_delete, args=(source.name, store), key=f"delete {side}")


def _report(source: Source, run: int, store: str) -> str:
    """All that the page says of the training, as it is by now."""
    trace = _newest(source, run, store)
    findings = core.findings_of(trace)
    says = f"{trace.facts.get('format', '')}: {trace.facts.get('says', '')}"
    verdict, steps = core.verdict_of(trace, findings), core.typical_steps(trace)
    return core.trace_report(source.name, says, findings, verdict, steps, core.trace_charts(trace), core.__version__)


def _newest(source: Source, run: int, store: str) -> core.Trace:
    """The training as it is by now: a recording may have grown since the page was drawn."""
    return core.open_recording(source.name, store) if source.recording else _traces(source.key, source)[run]


def _delete(name: str, store: str) -> None:
    try:
        core.delete_recording(name, store)
    except (ValueError, OSError) as error:
        st.session_state["not deleted"] = str(error)
