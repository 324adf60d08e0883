"""A user's own table: the upload, what becomes of its columns, and the button that puts it into the form."""

from __future__ import annotations

from typing import Any

import streamlit as st

import core

SHOWN_COLUMNS = 30  # of a kind
NARROWEST = 16  # features of a table that a network may be as wide as


def upload(kind: core.Experiment) -> None:
    """The expander of the form: a file, its target, the report, and "Use this data"."""
    prefix = f"{kind.name}:"
    with st.expander("Your own data (CSV)"):
        given = st.file_uploader(
            "A table with a header",
            type=["csv", "txt", "tsv"],
            key=f"{prefix}upload",
            help="UTF-8, at most 10 MB and 100,000 rows. It stays on this computer, beside the store.",
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
    cells = _cells(upload.digest, upload)
    target = st.selectbox(
        "Column to predict",
        cells.header,
        index=None,
        placeholder="choose one",
        key=f"{kind.name}:target",
        help="Text, or whole numbers of few different values, are classes; other numbers are predicted as numbers.",
    )
    if target is None:
        st.caption("Choose what the network should learn to predict from the other columns.")
        return
    sheet, dataset = _sheet(upload.digest, target, upload), upload.dataset(target)
    used = st.session_state.get(f"{kind.name}:dataset") == [dataset]
    _summary(sheet, target)
    st.button(
        "In use" if used else "Use this data",
        type="primary",
        disabled=used,
        width="stretch",
        key="use",
        on_click=_use,
        args=(kind, upload, dataset),
    )
    _columns(sheet)


@st.cache_resource(max_entries=4, show_spinner=False)
def _cells(digest: str, _upload: core.Upload) -> Any:
    """An upload's cells; nothing is kept on disk while it is only looked at."""
    return _upload.cells()


@st.cache_resource(max_entries=8, show_spinner=False)
def _sheet(digest: str, target: str, _upload: core.Upload) -> Any:
    return _upload.sheet(_cells(digest, _upload), target)


def _in_use(chosen: list[str]) -> None:
    """The report of the table that the form names already."""
    tables = [text for text in core.own_tables(chosen) if not core.foreign_tables([text])]
    if tables:
        sheet, target = core.kept_sheet(tables[0])
        _summary(sheet, target)
        _columns(sheet)
    else:
        st.caption("Upload a CSV file to train on your own data: text, gaps and scales are taken care of.")


def _summary(sheet: Any, target: str) -> None:
    """Rows, columns, target, and what is to be beaten."""
    lost = f", {sheet.dropped_rows:,} left out (no target; words such as NA and None count as none)"
    dropped = lost if sheet.dropped_rows else ""
    if sheet.classes:
        shown = ", ".join(sheet.classes[:6]) + (" …" if len(sheet.classes) > 6 else "")
        goal = f"**{len(sheet.classes)} classes**: {core.plain(shown)}"
        baseline = f"an accuracy of **{sheet.majority:.1%}**, that of always answering the largest class"
    else:
        (note,) = (column.note for column in sheet.columns if column.kind == "target")
        goal = f"**{core.plain(note)}**, standardized"
        baseline = "a loss of **1**, that of always answering the mean"
    st.caption(
        f"**{sheet.rows:,} rows**{dropped}, {len(sheet.numbers) + len(sheet.texts)} of {len(sheet.columns) - 1} columns used.  \n"
        f"Predicts {core.plain(target)}: {goal}.  \nTo beat: {baseline}."
    )


def _columns(sheet: Any) -> None:
    """What became of every column."""
    for name, used_as in (("Numbers, standardized", "number"), ("Text, encoded", "text"), ("Left out", "left out")):
        found = [column for column in sheet.columns if column.kind == used_as]
        told = [core.plain(column.name) + (f" ({core.plain(column.note)})" if column.note else "") for column in found]
        more = f" and {len(told) - SHOWN_COLUMNS:,} more" if len(told) > SHOWN_COLUMNS else ""
        if found:
            st.caption(f"**{name}**: {', '.join(told[:SHOWN_COLUMNS])}{more}.")


def _use(kind: core.Experiment, upload: core.Upload, dataset: str) -> None:
    """Keeps the table and puts it into the form, with settings that fit any table."""
    prefix = f"{kind.name}:"
    try:
        upload.keep()
    except ValueError as error:
        st.session_state[f"{prefix}not used"] = str(error)
        return
    st.session_state[f"{prefix}dataset"] = [dataset]
    if "model" in kind.settings.limits:
        st.session_state[f"{prefix}model"] = ["mlp"]
    if kind.settings.defaults().get("batch_size", 0) is None:
        st.session_state[f"{prefix}batch_size"] = ""  # worked out from the rows
    if "remedy" in kind.settings.limits:
        _fit_blocks(kind, core.dataset_shape(dataset).features or 0)
    st.session_state[f"{prefix}start"] = True


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
