"""What every page calls first, and what all sessions of the server share."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pyarrow as pa
import streamlit as st
from altair.utils.schemapi import disable_debug_mode
from streamlit.dataframe_util import convert_arrow_table_to_arrow_bytes
from streamlit.runtime.scriptrunner import get_script_run_ctx

import core
from pages.widgets import garbage

LARGE_HEIGHT = 560
MOST_VALUES = 8  # of a setting that a line names
CHART_MARGIN = 90  # Streamlit fits axes and legend into a chart's height
STYLE = """
@media (min-width: 800px) { [data-testid="stMainBlockContainer"] { padding-top: 1.6rem; padding-bottom: 2rem; } }
[data-testid="stMain"] h1 { font-size: 1.7rem; padding: 0; }
[data-testid="stMetricValue"] { font-size: 1.3rem; }
[data-testid="stMetricValue"] *, [data-testid="stMetricLabel"] * { white-space: normal; overflow: visible; }
[data-testid="stMetricLabel"] p { white-space: normal !important; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] * { white-space: normal; }
[data-testid="stMetric"] { gap: 0; }
.stVerticalBlock:has(> [class*="st-key-closer"]) { position: relative; }
.stVerticalBlock:has(> [class*="st-key-closer"]) > :first-child { padding-right: 1.75rem; }
[class*="st-key-closer"] { position: absolute; top: 0.6rem; right: 0.75rem; width: auto; }
[data-testid="stFullScreenFrame"]:has([data-testid="stVegaLiteChart"]) [data-testid="stElementToolbar"] { top: auto; bottom: 0; }
"""
PAGES = Path(__file__).parents[1]
ICONS = {
    "Diagnose": ":material/stethoscope:",
    "Results": ":material/database:",
}  # of the pages that are no experiment's


def begin(title: str) -> None:
    """Sets the page up: its title in the tab, the wide layout."""
    st.set_page_config(page_title=f"{title} · Gradient Lab", page_icon="📉", layout="wide")
    try:
        jobs()
    except ValueError as error:  # GRADIENT_LAB_EXECUTOR names what can't be used
        st.error(core.plain(error))
        st.stop()
    garbage.set_aside()
    icons = ICONS | {kind.title: kind.icon for kind in map(core.experiment, core.NAMES)}
    st.html(f"<style>{STYLE}</style>")
    with st.sidebar:  # Streamlit's own list would call the home page by its file's name
        st.page_link("dashboard.py", label="Home", icon=":material/home:")
        for label, path in _pages().items():
            fields = {} if label == title else address_of(label)
            st.page_link(path, label=label, icon=icons.get(label, ":material/article:"), query_params=fields)
        st.divider()


def _pages() -> dict[str, str]:
    """The pages' files by their labels, in order."""
    files = sorted(PAGES.glob("*.py"), key=lambda file: int(file.name.split("_")[0]))
    return {file.stem.split("_", 1)[1].replace("_", " "): f"pages/{file.name}" for file in files}


def address_of(title: str) -> dict[str, str]:
    """The fields of the address that the page called ``title`` has last written, in this session."""
    return st.session_state.get(f"address of {title}", {})


def write_address(title: str, fields: Mapping[str, str]) -> None:
    """Puts fields into the browser's address, which is one more press of Back where they are not there yet.

    They are sent always: a link to the page that is open changes what the server knows of the address, and not the address.
    """
    st.session_state[f"address of {title}"] = dict(fields)
    st.query_params.from_dict(fields)


def page_of(kind: core.Experiment) -> str:
    """The file of an experiment's page."""
    return _pages()[kind.title]


def see_it_work(link: str, sweep: core.Sweep | None = None) -> None:
    """A finding's link, opened in this tab; on the page of ``sweep`` with its seeds, since half of the runs are there then."""
    address = urlsplit(link)
    fields = dict(parse_qsl(address.query))
    file = next(file for label, file in _pages().items() if label.replace(" ", "_") == address.path.strip("/"))
    label = "See it work"
    if sweep is not None and file == page_of(core.experiment(sweep.experiment)):
        own = sweep.link()
        fields["seeds"] = own["seeds"]
        changed = [f"{name} {value}" for name, value in fields.items() if not _same(own.get(name, value), value)]
        if not changed:  # the page shows it already
            return
        label += f": {'; '.join(changed)}"
    st.page_link(file, label=core.plain(label), icon=":material/play_circle:", query_params=fields)


def _same(one: str, other: str) -> bool:
    """Whether two texts of a setting ask for the same values, in whatever order."""
    with suppress(ValueError):
        return sorted(map(float, one.split(","))) == sorted(map(float, other.split(",")))
    return sorted(core.split_values(one)) == sorted(core.split_values(other))


@st.cache_resource(show_spinner=False)
def jobs() -> core.Jobs:
    """The server's jobs; its workers start at once, so that nobody waits for them later."""
    workers = core.Workers(core.pool(os.environ.get("GRADIENT_LAB_EXECUTOR") or "local", behind=True))
    workers.prestart()
    workers.stop_at_exit()
    disable_debug_mode()  # Altair would hold every mark against its schema at every drawing; our tests do
    pd.options.mode.string_storage = "python"  # of many small tables, Arrow's texts take a fifth longer
    return core.Jobs(workers)


def session() -> str:
    """Whose page is drawn; empty outside a page."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def start(sweep: core.Sweep) -> core.Job | None:
    """The sweep's job; None while too many are under way, which the status line then says."""
    st.session_state.pop("busy", None)
    try:
        return jobs().submit(sweep, store(), owner=session())
    except core.BusyError as error:
        st.session_state["busy"] = str(error)
        return None


@st.cache_resource(show_spinner=False)
def _store(path: str) -> core.Store:
    return core.Store(path)


def store() -> core.Store:
    """The server's store; a page that can't use it says why and stops."""
    try:
        return _store(core.default_path())
    except core.StoreError as error:
        st.error(core.plain(error))
        st.stop()
        raise


def stored_count(sweep: core.Sweep) -> int:
    """How many of the sweep's runs the store holds; asked again once the store has changed."""
    results = store()
    return _count(sweep, results, sweep.key, str(results.path), results.state())


def remember(sweep: core.Sweep) -> None:
    """Lists a sweep whose runs were all there, once; where the store may not be written to, it stays unlisted."""
    with suppress(core.StoreError):
        _remember(sweep, store(), sweep.key, str(store().path))


@st.cache_resource(max_entries=256, show_spinner=False)
def _remember(_sweep: core.Sweep, _store: core.Store, key: str, path: str) -> None:
    if key not in {stored.key for stored in _store.sweeps()}:
        _store.remember(key, _sweep.experiment, _sweep.link(), len(_sweep.points) * len(_sweep.seeds))


@st.cache_data(max_entries=256, show_spinner=False)
def _count(_sweep: core.Sweep, _store: core.Store, key: str, path: str, state: tuple[int, int]) -> int:
    return _store.count(_sweep.ids)


PAGE_SETTINGS = 5_000  # of a sweep asked for on a page: all sessions share the server's one interpreter


def too_large(sweep: core.Sweep) -> str | None:
    """Why a page can't ask for the sweep."""
    return core.too_large(sweep, cost_of=lambda sweep: estimate(sweep, sweep.key), settings_limit=PAGE_SETTINGS)


def estimate(sweep: core.Sweep, key: str) -> core.Estimate:
    """What the sweep would cost, worked out once."""
    return _estimate(sweep, key, round(_speed(sweep.experiment, store(), str(store().path)), 1))


@st.cache_resource(max_entries=64, show_spinner=False)
def _estimate(_sweep: core.Sweep, key: str, speed: float) -> core.Estimate:
    return core.estimate(_sweep, speed=speed)


@st.cache_data(ttl=60.0, max_entries=32, show_spinner=False)
def _speed(name: str, _store: core.Store, path: str) -> float:
    """How fast this machine is, by what it has computed so far."""
    return core.measured_speed(name, _store)


def chart(figure: core.Figure, name: str, height: int = 0, alone: bool = False) -> None:
    """The chart, its title and note as text of the page: they wrap where a chart's own would be cut off.

    height  at least so many pixels of drawing
    alone   its card is as high as what it holds, not as the row
    """
    with st.container(border=True, height="content" if alone else "stretch"):
        st.markdown(f"**{core.plain(figure.title)}**")
        if not figure.flat:
            closer = "Look closer: large, with its words, on either scale"
            if st.button("", icon=":material/open_in_full:", type="tertiary", key=f"closer {name}", help=closer):
                _closer(figure, name)
            drawing(figure.specification, name, max(figure.specification["height"], height) + CHART_MARGIN)
        if figure.note:
            st.caption(core.plain(figure.note))


@st.dialog("Look closer", width="large")
def _closer(figure: core.Figure, name: str) -> None:
    """The chart as large as the window lets it be, with its title and note, on the scale that is wished."""
    st.markdown(f"**{core.plain(figure.title)}**")
    specification, other = figure.specification, core.other_scale(figure.specification)
    if other is not None:
        scales = ("logarithmic", "linear")[:: 1 if other[0] == "linear" else -1]  # as it is drawn first
        if st.segmented_control("Scale", scales, default=scales[0], key=f"scale {name}", required=True) == other[0]:
            specification = other[1]
    drawing(specification, f"large {name}", LARGE_HEIGHT)
    if figure.note:
        st.caption(core.plain(figure.note))


def choice(label: str, options: tuple[str, ...], key: str, required: bool = True) -> str:
    """Which of ``options`` is looked at: the first unless one was chosen, or ``""`` if it need not be ``required``.

    It stays chosen where the page leaves the widget out for a while, as until a new sweep has a result.
    """
    chosen = st.segmented_control(
        label,
        options,
        default=options[0] if required else None,
        key=key,
        label_visibility="collapsed",
        required=required,
        persist_state="page",
    )
    return chosen or ""


def drawing(specification: Mapping[str, Any], name: str, height: int, config: Mapping[str, Any] | None = None) -> None:
    """A Vega-Lite drawing, so many pixels high; ``config`` is Vega-Lite's, on top of the drawing's own."""
    tables = {name: _arrow(rows, name) for name, rows in specification.get("datasets", {}).items()}
    others = {name: part for name, part in specification.items() if name != "datasets"}
    drawn = copy.deepcopy(others)  # Streamlit takes it apart
    drawn["height"] = height
    drawn["config"] = drawn.get("config", {}) | (config or {})
    if st.context.theme.type == "dark":
        drawn = _at_night(drawn)
    st.vega_lite_chart(drawn | {"datasets": tables}, width="stretch", key=f"chart {name}")


@st.cache_resource(max_entries=256, show_spinner=False)
def _arrow(_rows: list[dict[str, Any]], name: str) -> bytes:
    """The rows of a drawing as the browser is sent them, made once for all reruns and sessions; the name changes with them."""
    return convert_arrow_table_to_arrow_bytes(pa.Table.from_pylist(_rows))


def charts(figures: Mapping[str, core.Figure]) -> None:
    """The charts in two equal columns, those of a row of one height; what is flat is said in a line below."""
    drawn = [(name, figure) for name, figure in figures.items() if not figure.flat]
    for start in range(0, len(drawn), 2):
        pair = drawn[start : start + 2]
        height = max(figure.specification["height"] for _, figure in pair)
        for column, (name, figure) in zip(st.columns(len(pair), gap="medium"), pair, strict=True):
            with column:
                chart(figure, name, height)
    for name, figure in figures.items():
        if figure.flat:
            chart(figure, name)


def _at_night(specification: Any) -> Any:
    """The drawing with colours that are seen on a dark ground."""
    if isinstance(specification, dict):
        return {name: _at_night(part) for name, part in specification.items()}
    if isinstance(specification, list):
        return [_at_night(part) for part in specification]
    return core.NIGHT.get(specification, specification) if isinstance(specification, str) else specification


def heading(title: str, question: str) -> None:
    """The page's title and its question."""
    st.title(title)
    st.markdown(f"**{question}**")


def next_step(kind: core.Experiment, sweep: core.Sweep | None) -> None:
    """The way on: the page that takes up where this one ends, with its table of one's own; at last one's own training."""
    file, title, question, fields = "pages/9_Diagnose.py", "Diagnose", "What is wrong with my own training?", {}
    if kind.next:
        following = core.experiment(kind.next)
        file, title, question = page_of(following), following.title, following.question
        dataset = sweep.link().get("dataset", "") if sweep is not None else ""
        if core.own_tables([dataset]) and "dataset" in following.settings.limits:
            fields = {"dataset": dataset}
    st.page_link(file, label=f"Next: **{title}**. {question}", icon=":material/arrow_forward:", query_params=fields)


def sweep_words(kind: core.Experiment, link: Mapping[str, str]) -> str:
    """A stored sweep in few words: what differs from the defaults."""
    defaults = kind.settings.defaults()
    told = {name: text for name, text in link.items() if text != str(defaults.get(name))}
    if "csv(" in told.get("dataset", ""):
        told["dataset"] = ",".join(core.dataset_label(text) for text in core.split_values(told["dataset"]))
    values = {name: core.split_values(text) for name, text in told.items()}
    told |= {name: f"{len(several)} values" for name, several in values.items() if len(several) > MOST_VALUES}
    compared = sorted(told, key=lambda name: len(values[name]) < 2)  # what the sweep varies stands first
    return " ".join(f"{name}={told[name]}" for name in compared) or "defaults"
