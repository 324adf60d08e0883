"""The result of one sweep: headline numbers, findings, charts, table, downloads, link."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
import streamlit as st

import core
from pages.widgets import form, job_panel, page

METRIC_LENGTH = 20  # of a headline's value: what is longer stands below as a sentence
SHOWN_FINDINGS = 3
SHOWN_ROWS = 5_000
SHOWN_SEEDS = 100
OLD_RUNS = 10_000  # of larger sweeps, runs of an earlier version are not looked for
ICONS = {"error": ":red[:material/error:]", "warning": ":orange[:material/warning:]", "info": ":blue[:material/info:]"}


Key = tuple[str, str, int, int]  # sweep, store, runs that are there, tables without baselines
MoreCharts = Callable[[], Mapping[str, core.Figure]]
Chosen = tuple[tuple[str, tuple], ...]  # setting, values


class Result(NamedTuple):
    """What the store holds of a sweep, put together; ``measured`` is False while there is theory alone."""

    analysis: core.Analysis
    comparison: pd.DataFrame
    findings: list[core.Finding]
    measured: bool
    made_by: str = ""


@st.cache_resource(max_entries=8, show_spinner=False)
def _result(_sweep: core.Sweep, _store: core.Store, key: str, path: str, runs: int, lacking: int) -> Result:
    """The result with ``runs`` runs finished; kept for all sessions, which only read it."""
    kind = core.experiment(_sweep.experiment)
    table = core.stored_table(_sweep, _store) if runs else None
    made_by = ""
    if table is None and _sweep.size <= OLD_RUNS:
        there = core.kept_sweep(_sweep, _store)
        if there.finished:
            table = kind.table(*core.finished(there.sweep, _store, by_anyone=True))
            made_by = there.made_by
    if table is None or not len(table):
        return Result(kind.analysis(kind.expected(_sweep)), pd.DataFrame(), [], False)
    analysis = kind.analysis(core.to_frame(table))
    compared = pd.DataFrame()
    if runs == _whole(_sweep):
        compared = core.comparison(analysis.summary, kind.settings.names())
    return Result(analysis, compared, kind.findings(analysis), True, made_by)


def _key(sweep: core.Sweep, store: core.Store, finished: int) -> Key:
    return sweep.key, str(store.path), finished, len(core.lacking(sweep.axes.get("dataset", ())))


def _whole(sweep: core.Sweep) -> int:
    """Runs of the sweep when nothing is missing."""
    return len(sweep.points) * len(sweep.seeds)


def result_panel(
    kind: core.Experiment,
    sweep: core.Sweep,
    middle: Callable[[], None] | None = None,
    more: MoreCharts = dict,
    alone: bool = False,
) -> None:
    """The job and all that it has found so far, renewed while it runs.

    middle  draws what a page shows of its own between the charts and what can be taken away
    alone   of one run, the middle stands in the charts' place
    more    the charts of that which belong into the report
    """
    store = page.store()
    job, running, stored = job_panel.job_panel(sweep)

    @st.fragment(run_every=1.0 if running else None)
    def renewed() -> None:
        ended = running and job is not None and not job.running  # before drawing, so that all of it is drawn then
        job_panel.progress(job)
        finished = stored
        if job is not None and job.running:  # large frames are put together at every twentieth only
            twentieth = max(1, job.progress.total // 20) if job.progress.total > 1000 else 1
            finished = job.progress.finished - job.progress.finished % twentieth
        elif running:
            finished = page.stored_count(sweep)
        key = _key(sweep, store, finished)
        result = _result(sweep, store, *key)
        pictures = _pictures(kind, result.analysis, key, _filter(kind, result.analysis.frame))
        _above(pictures, result, _whole(sweep) - finished)
        if result.analysis.frame.empty:
            begun = "The first runs are under way; their charts stand here as soon as they end."
            st.info(begun if running and not ended else "Nothing has been computed yet: press Run.")
        elif not alone or _whole(sweep) > 1:
            _charts(kind, pictures, result)
        if middle is None:
            _take_away(kind, sweep, result, store, more)
        if ended:
            st.rerun()

    renewed()
    if middle is not None:
        middle()
        key = _key(sweep, store, page.stored_count(sweep))
        _take_away(kind, sweep, _result(sweep, store, *key), store, more)


class Pictures(NamedTuple):
    """What is drawn of a frame: the numbers above, and the charts by name."""

    headline: list[tuple[str, str, str]]
    figures: dict[str, core.Figure]


@st.cache_resource(max_entries=8, show_spinner=False)
def _pictures(_kind: core.Experiment, _analysis: core.Analysis, key: Key, chosen: Chosen) -> Pictures:
    """The pictures of a result, drawn once however often the page is renewed."""
    analysis = _analysis
    if chosen:
        frame = analysis.frame
        for name, values in chosen:
            frame = frame[frame[name].isin(values)]
        analysis = _kind.analysis(frame)
    return Pictures(_kind.headline(analysis), _kind.figures(analysis))


def _above(pictures: Pictures, result: Result, missing: int) -> None:
    """The headline numbers and the findings; of a part of the runs, they say so."""
    numbers = [entry for entry in pictures.headline if len(entry[1]) <= METRIC_LENGTH]
    for column, (label, value, note) in zip(st.columns(len(numbers)), numbers, strict=True):
        column.metric(core.plain(label), value, help=core.plain(note))
    for label, value, note in pictures.headline:
        if len(value) > METRIC_LENGTH:
            st.markdown(f"{core.plain(label)}: **{core.plain(value)}**. {core.plain(note)}")
    if result.made_by:
        st.caption(f"These runs were {core.plain(result.made_by)}.")
    elif result.measured and missing > 0:
        st.caption(f"So far, {missing:,} runs missing: what follows may change.")
    if result.measured:
        _findings(result.findings, whole=missing <= 0)


def _charts(kind: core.Experiment, pictures: Pictures, result: Result) -> None:
    """The charts and the comparison."""
    for name, figure in pictures.figures.items():
        if figure.wide:
            page.chart(figure, name)
    narrow = [name for name, figure in pictures.figures.items() if not figure.wide]
    for start in range(0, len(narrow), 2):
        for column, name in zip(st.columns(2, gap="large"), narrow[start : start + 2], strict=False):
            with column:
                page.chart(pictures.figures[name], name)
    if len(result.comparison) > 1:
        st.subheader("Comparison")
        st.caption(
            "Mean over seeds, with its 95 % interval (Student's t; of pooled fits the jackknife's, of shares Wilson's)."
        )
        st.dataframe(result.comparison, hide_index=True, column_config=_column_config(result.comparison))


def _filter(kind: core.Experiment, frame: pd.DataFrame) -> Chosen:
    """The values that the reader wants to see, by setting; nothing where all are shown."""
    names = core.varying_settings(frame, kind.settings.names())
    if len(names) < 2:
        return ()
    shown = {}
    with st.expander("Show only some of it"):
        for column, name in zip(st.columns(len(names)), names, strict=True):
            values = list(dict.fromkeys(frame[name].dropna()))
            shown[name] = column.multiselect(
                core.COLUMNS[name].label, values, key=f"filter {name}", placeholder="all", help="Empty shows all."
            )
    return tuple((name, tuple(values)) for name, values in shown.items() if values)


def _findings(findings: list[core.Finding], whole: bool) -> None:
    if not findings:
        if whole:
            st.success("No fault found.")
        else:
            st.info("No fault found so far.")
        return
    for finding in findings[:SHOWN_FINDINGS]:
        st.markdown(_finding_text(finding))
    rest = findings[SHOWN_FINDINGS:]
    if rest:
        with st.expander(f"{len(rest)} more finding{'s' if len(rest) > 1 else ''}"):
            for finding in rest[:100]:
                st.markdown(_finding_text(finding))


def _finding_text(finding: core.Finding) -> str:
    shown = f" [See it work]({finding.link})" if finding.link else ""
    return f"{ICONS[finding.severity]} **{core.plain(finding.message)}** {core.plain(finding.remedy)}{shown}"


def _take_away(kind: core.Experiment, sweep: core.Sweep, result: Result, store: core.Store, more: MoreCharts) -> None:
    """Downloads, link, command, script and table of what is there; nothing where nothing is."""
    if not result.measured:
        return
    frame = result.analysis.frame
    st.subheader("Take it away")
    name = f"{kind.name}_{sweep.key[:8]}"
    left, middle, third, right = st.columns([1, 1, 1, 3], vertical_alignment="center")
    left.download_button(
        "CSV",
        lambda: core.csv_bytes(core.stored_table(sweep, store)),
        f"{name}.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
    )
    middle.download_button(
        "Parquet",
        lambda: core.parquet_bytes(core.stored_table(sweep, store)),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        on_click="ignore",
        width="stretch",
    )
    third.download_button(
        "Report",
        lambda: _report(kind, sweep, result, more),
        f"{name}.html",
        "text/html",
        on_click="ignore",
        width="stretch",
        help="Settings, findings, live charts, script and versions in one HTML file, which opens offline.",
    )
    right.caption(f"{len(frame):,} rows, {len(frame.columns)} columns. A chart's own menu (⋯) saves it as PNG or SVG.")
    with st.expander("Link and command that give this again"):
        concealed = st.multiselect(
            "Controls that the link hides",
            form.hideable(kind),
            list(form.hidden(kind)),
            placeholder="none",
            key="hide",
            help="For a class: whoever opens the link can't see or change them.",
        )
        fields = sweep.link() | ({form.HIDE: ",".join(concealed)} if concealed else {})
        st.code(
            f"{(st.context.url or '').split('?')[0]}?{urllib.parse.urlencode(fields)}", language=None, wrap_lines=True
        )
        st.code(f"python -m core run {sweep.text()} --out {name}.csv", language="bash", wrap_lines=True)
    with st.expander("One run as a plain PyTorch script"):
        _script(kind, sweep)
    with st.expander("The table"):
        if len(frame) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS:,} of {len(frame):,} rows; the downloads hold all.")
        st.dataframe(frame.head(SHOWN_ROWS), hide_index=True, column_config=_column_config(frame))


def _report(kind: core.Experiment, sweep: core.Sweep, result: Result, more: MoreCharts) -> str:
    """The whole result as one HTML file, with the script of its first run."""
    first = core.Run(kind.name, kind.version, sweep.points[0], sweep.seeds[0])
    return core.report(kind, sweep, result.analysis, result.comparison, kind.code(first), more())


def _script(kind: core.Experiment, sweep: core.Sweep) -> None:
    """The script of a run of the reader's choice."""
    names = [name for name in kind.settings.names() if len({getattr(point, name) for point in sweep.points}) > 1]
    labels = [" · ".join(f"{name}={getattr(point, name)}" for name in names) for point in sweep.points]
    left, right = st.columns([3, 1])
    chosen = left.selectbox("setting", range(len(labels)), format_func=lambda index: labels[index] or "the only one")
    seed = right.selectbox("seed", list(sweep.seeds)[:SHOWN_SEEDS])
    script = kind.code(core.Run(kind.name, kind.version, sweep.points[chosen], seed))
    st.caption("It needs torch, NumPy and scikit-learn alone, and prints this run's numbers as CSV.")
    st.download_button("Download the script", script, f"{kind.name}.py", "text/x-python", on_click="ignore")
    st.code(script, language="python", height=420)


def _column_config(frame: pd.DataFrame) -> dict[str, object]:
    return {
        name: st.column_config.Column(name, help=core.COLUMNS[name].meaning if name in core.COLUMNS else None)
        for name in frame.columns
    }
