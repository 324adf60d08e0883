"""A user's own table: the upload, what becomes of its columns, and the button that puts it into the form."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

import core

MOST_TIMES = 10.0  # the usual epochs, on a small table
NARROWEST = 16  # features of a table that a network may be as wide as
KINDS = {
    "auto": "as it looks",
    "classes": "classes",
    "number": "a number",
    "log": "a number's logarithm",
}
HEADERS = {"auto": "as it looks", "yes": "has names", "no": "is data"}


def upload(kind: core.Experiment) -> None:
    """The expander of the form: a file, its target, the report, and "Use this data"."""
    prefix = f"{kind.name}:"
    with st.expander("Your own data (CSV)"):
        given = st.file_uploader(
            "A table",
            type=["csv", "txt", "tsv", "data"],
            key=f"{prefix}upload",
            help="At most 50 MB. It stays on this computer, beside the store.",
        )
        problem = st.session_state.pop(f"{prefix}not used", None)
        try:
            if given is not None:
                _uploaded(kind, core.Upload(given.name, given.getvalue()))
            else:
                _in_use(st.session_state.get(f"{prefix}dataset", []))
        except ValueError as error:
            problem = str(error)
        if problem:
            st.error(core.plain(problem.removeprefix("csv: ")))


def _uploaded(kind: core.Experiment, upload: core.Upload) -> None:
    header = st.session_state.get(f"{kind.name}:header", "auto")
    cells = _cells(upload.digest, header, upload)
    target = st.selectbox(
        "Column to predict",
        cells.header,
        index=None,
        placeholder="choose one",
        key=f"{kind.name}:target",
        help="Text, or whole numbers of few different values, are classes; other numbers are predicted as numbers.",
    )
    choices = _choices(kind, cells.header, header, target)
    if target is None:
        st.caption("Choose what the network should learn to predict from the other columns.")
        return
    reading, dataset = _reading(upload.digest, target, choices, upload), upload.dataset(target, choices)
    used = st.session_state.get(f"{kind.name}:dataset") == [dataset]
    st.button(
        "In use" if used else "Use this data",
        type="primary",
        disabled=used,
        width="stretch",
        key="use",
        on_click=_use,
        args=(kind, upload, dataset, partial(upload.keep_reading, target, choices, reading)),
    )
    _story(reading.story)


def _choices(kind: core.Experiment, names: list[str], header: str, target: str | None) -> core.Choices:
    """How the table is to be read, where it is not as it looks."""
    prefix = f"{kind.name}:"
    learned = "auto"
    if target is not None:
        learned = st.selectbox("It is", list(KINDS), format_func=KINDS.get, key=f"{prefix}kind")
    with st.popover("How it is read", width="stretch"):
        st.selectbox("The first row", list(HEADERS), format_func=HEADERS.get, key=f"{prefix}header")
        kept = st.multiselect(
            "Columns to keep",
            [name for name in names if name != target],
            placeholder="none but those that are used",
            key=f"{prefix}keep",
            help="Ids and text that hardly repeats are left out, unless they are named here.",
        )
    return core.Choices(learned, header).keeping(kept)


@st.cache_resource(max_entries=4, show_spinner=False)
def _cells(digest: str, header: str, _upload: core.Upload) -> Any:
    """An upload's cells; nothing is kept on disk while it is only looked at."""
    return _upload.cells(header)


@st.cache_resource(max_entries=8, show_spinner="Reading the table …")
def _reading(digest: str, target: str, choices: core.Choices, _upload: core.Upload) -> Any:
    return _upload.reading(_cells(digest, choices.header, _upload), target, choices)


def _in_use(chosen: list[str]) -> None:
    """The report of the table that the form names already."""
    tables = [text for text in core.own_tables(chosen) if not core.foreign_tables([text])]
    if tables:
        _story(core.story(tables[0]))
    else:
        st.caption("Upload a CSV file to train on your own data: text, dates, gaps and scales are taken care of.")


def _story(story: tuple[Any, ...]) -> None:
    """What became of the table."""
    for sentence in story:
        st.caption(f"**{core.plain(sentence.label)}**: {core.plain(sentence.text)}")


def _use(kind: core.Experiment, upload: core.Upload, dataset: str, keep_reading: Callable[[], None]) -> None:
    """Keeps the table and puts it into the form, with settings that fit any table."""
    prefix = f"{kind.name}:"
    try:
        upload.keep()
        keep_reading()
    except ValueError as error:
        st.session_state[f"{prefix}not used"] = str(error)
        return
    st.session_state[f"{prefix}dataset"] = [dataset]
    if "model" in kind.settings.limits:
        st.session_state[f"{prefix}model"] = ["mlp"]
    if kind.settings.defaults().get("batch_size", 0) is None:
        st.session_state[f"{prefix}batch_size"] = ""  # worked out from the rows
    if "epochs" in kind.settings.limits:
        _fit_epochs(kind, core.dataset_shape(dataset).training_rows or 0)
    if "remedy" in kind.settings.limits:
        _fit_blocks(kind, core.dataset_shape(dataset).features or 0)
    st.session_state[f"{prefix}start"] = True


def _fit_epochs(kind: core.Experiment, rows: int) -> None:
    """A small table makes few updates an epoch: as many epochs as make digits' updates, unless their number was chosen."""
    key, usual = f"{kind.name}:epochs", int(kind.settings.defaults()["epochs"])
    share = (core.dataset_shape("digits").training_rows or 0) / max(rows, 1)
    if st.session_state.get(key) == str(usual):
        st.session_state[key] = str(math.ceil(usual * min(max(share, 1.0), MOST_TIMES)))


def _fit_blocks(kind: core.Experiment, features: int) -> None:
    """A residual block adds its input to its output: the network is made as wide as the table, or does without them."""
    prefix, remedies = f"{kind.name}:", kind.settings.limits["remedy"]
    chosen = st.session_state[f"{prefix}remedy"]
    assert isinstance(remedies, core.PartLimits)
    others = [name for name in chosen if remedies.registry.parse(name).entry.members["residual"] != "lesson_block"]
    if others == chosen:
        return
    if features >= NARROWEST:
        st.session_state[f"{prefix}width"] = str(features)
    else:
        st.session_state[f"{prefix}remedy"] = others or ["relu_he"]
