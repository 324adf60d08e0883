"""What a result can be taken away as: tables, charts, the report, the link, the command, a script."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

import core
from pages.widgets import form, page

SHOWN_ROWS = 5_000
SHOWN_SEEDS = 100
LINK, SCRIPT, TABLE = "Link and command", "A run in plain PyTorch", "The table"

MoreCharts = Callable[[], Mapping[str, core.Figure]]


def take_away(
    kind: core.Experiment,
    sweep: core.Sweep,
    analysis: core.Analysis,
    comparison: Callable[[], pd.DataFrame],
    figures: Mapping[str, core.Figure],
    more: MoreCharts,
) -> None:
    """Downloads, link, command, script and table of what is there."""
    frame, store = analysis.frame, page.store()
    st.subheader("Take it away")
    name = f"{kind.name}_{sweep.key[:8]}"
    first, second, third, fourth, fifth = st.columns(5)
    first.download_button(
        "One row a run",
        lambda: core.csv_bytes(core.from_frame(analysis.runs)),
        f"{name}_runs.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
        help="CSV: settings, seed and what came out, a row per run.",
    )
    second.download_button(
        "CSV",
        lambda: core.csv_bytes(core.stored_table(sweep, store)),
        f"{name}.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
        help=f"Everything: {len(frame):,} rows, {len(frame.columns)} columns.",
    )
    third.download_button(
        "Parquet",
        lambda: core.parquet_bytes(core.stored_table(sweep, store)),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        on_click="ignore",
        width="stretch",
        help="Everything, in a tenth of the space.",
    )
    fourth.download_button(
        "Report",
        lambda: _report(kind, sweep, analysis, comparison, more),
        f"{name}.html",
        "text/html",
        on_click="ignore",
        width="stretch",
        help="Settings, findings, live charts, script and versions in one HTML file, which opens offline.",
    )
    charts = fifth.popover("Charts", width="stretch", key="take charts away", on_change="rerun")
    if charts.open:  # all of them are drawn then
        with charts:
            _pictures({**figures, **more()}, name)
    view = page.choice("More", (LINK, SCRIPT, TABLE), "take away", required=False)
    if view == LINK:
        _link(kind, sweep, name)
    elif view == SCRIPT:
        _script(kind, sweep)
    elif view == TABLE:
        _table(frame)


def _table(frame: pd.DataFrame) -> None:
    """The frame, as far as a page can hold it."""
    if len(frame) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS:,} of {len(frame):,} rows; the downloads hold all.")
    config = {
        name: st.column_config.Column(name, help=core.COLUMNS[name].meaning if name in core.COLUMNS else None)
        for name in frame.columns
    }
    st.dataframe(frame.head(SHOWN_ROWS), hide_index=True, column_config=config)


def _pictures(figures: Mapping[str, core.Figure], name: str) -> None:
    """Each chart, with its title and note, as PNG and SVG."""
    for label, figure in figures.items():
        if figure.flat:
            continue
        words, png, svg = st.columns([4, 1, 1], vertical_alignment="center")
        words.caption(core.plain(figure.title or label))
        for column, kind, mime in ((png, "png", "image/png"), (svg, "svg", "image/svg+xml")):
            column.download_button(
                kind.upper(),
                lambda figure=figure, kind=kind: figure.picture(kind),
                f"{name}_{label.replace(' ', '_')}.{kind}",
                mime,
                on_click="ignore",
                key=f"{kind} {label}",
            )


def _link(kind: core.Experiment, sweep: core.Sweep, name: str) -> None:
    """The link, with what a teacher may do to it, and the command."""
    concealed = st.multiselect(
        "Controls that the link hides",
        form.hideable(kind),
        list(form.hidden(kind)),
        placeholder="none",
        key="hide",
        help="For a class: whoever opens the link can't see or change them.",
    )
    asks = [question.ask for question in kind.questions()]
    asked = None
    if asks:
        asked = st.selectbox(
            "Question that the link asks first",
            range(len(asks)),
            index=None,
            format_func=asks.__getitem__,
            placeholder="none: the result stands there at once",
            help="For a class: the result is hidden until a prediction is made.",
        )
    fields = sweep.link() | ({form.HIDE: ",".join(concealed)} if concealed else {})
    fields |= {form.FIRST: str(asked + 1)} if asked is not None else {}
    st.code(f"{(st.context.url or '').split('?')[0]}?{urllib.parse.urlencode(fields)}", language=None, wrap_lines=True)
    st.code(f"python -m core run {sweep.text()} --out {name}.csv", language="bash", wrap_lines=True)


def _report(
    kind: core.Experiment,
    sweep: core.Sweep,
    analysis: core.Analysis,
    comparison: Callable[[], pd.DataFrame],
    more: MoreCharts,
) -> str:
    """The whole result as one HTML file, with the script of its first run."""
    first = core.Run(kind.name, kind.version, sweep.points[0], sweep.seeds[0])
    return core.report(kind, sweep, analysis, comparison(), kind.code(first), more())


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
