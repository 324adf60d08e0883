"""What every page calls first, and what all sessions of the server share."""

from __future__ import annotations

import atexit
import copy
import gc
import os
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

import core

CHART_MARGIN = 90  # Streamlit fits axes and legend into a chart's height
PAGES = Path(__file__).parents[1]
ICONS = {
    "Diagnose": ":material/stethoscope:",
    "Results": ":material/database:",
}  # of the pages that are no experiment's


def begin(title: str) -> None:
    """Sets the page up: its title in the tab, the wide layout."""
    st.set_page_config(page_title=f"{title} · Gradient Lab", page_icon="📉", layout="wide")
    jobs()
    icons = ICONS | {kind.title: kind.icon for kind in map(core.experiment, core.NAMES)}
    with st.sidebar:  # Streamlit's own list would call the home page by its file's name
        st.page_link("dashboard.py", label="Home", icon=":material/home:")
        for label, path in _pages().items():
            st.page_link(path, label=label, icon=icons.get(label, ":material/article:"))
        st.divider()


def _pages() -> dict[str, str]:
    """The pages' files by their labels, in order."""
    files = sorted(PAGES.glob("*.py"), key=lambda file: int(file.name.split("_")[0]))
    return {file.stem.split("_", 1)[1].replace("_", " "): f"pages/{file.name}" for file in files}


def page_of(kind: core.Experiment) -> str:
    """The file of an experiment's page."""
    return _pages()[kind.title]


@st.cache_resource(show_spinner=False)
def jobs() -> core.Jobs:
    """The server's jobs; its workers start at once, so that nobody waits for them later."""
    workers = core.Workers(core.pool(os.environ.get("GRADIENT_LAB_EXECUTOR") or "local"))
    workers.prestart()
    atexit.register(workers.stop)
    gc.collect()
    gc.freeze()  # Streamlit collects all generations after every run of a page: leave it little to look at
    return core.Jobs(workers)


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


def chart(figure: core.Figure, name: str) -> None:
    """The chart, its title and note as text of the page: they wrap where a chart's own would be cut off."""
    with st.container(border=True):
        st.markdown(f"**{core.plain(figure.title)}**")
        specification = copy.deepcopy(figure.specification)  # Streamlit takes it apart
        specification["height"] += CHART_MARGIN
        st.vega_lite_chart(specification, width="stretch", key=f"chart {name}")
        if figure.note:
            st.caption(core.plain(figure.note))


def sweep_words(kind: core.Experiment, link: Mapping[str, str]) -> str:
    """A stored sweep in few words: what differs from the defaults."""
    defaults = kind.settings.defaults()
    told = {name: text for name, text in link.items() if text != str(defaults.get(name))}
    if "csv(" in told.get("dataset", ""):
        told["dataset"] = ",".join(core.dataset_label(text) for text in core.split_values(told["dataset"]))
    return " ".join(f"{name}={text}" for name, text in told.items()) or "defaults"
