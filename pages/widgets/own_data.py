"""A user's own table: the upload, what becomes of its columns, and the button that puts it into the form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import streamlit as st

import core
from core import files
from core.experiments import Experiment
from core.parts import csv_files, own_data
from core.parts.datasets import DATASETS, Dataset, shape_of
from core.parts.remedies import REMEDIES
from core.registry import Part

FOLDER = "data"  # beside the store
SHOWN_COLUMNS = 30  # of a kind
NARROWEST = 16  # features of a table that a network may be as wide as
NAME_LENGTH = 40  # of a kept file, without its hash


def upload(kind: Experiment) -> None:
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
                _uploaded(kind, given.name, given.getvalue())
            else:
                _in_use(st.session_state.get(f"{prefix}dataset", []))
        except ValueError as error:
            problem = str(error)
        if problem:
            st.error(problem.removeprefix("csv: "))


def _uploaded(kind: Experiment, name: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    target = st.selectbox(
        "Column to predict",
        _cells(digest, name, content).header,
        index=None,
        placeholder="choose one",
        key=f"{kind.name}:target",
        help="Text, or whole numbers of few different values, are classes; other numbers are predicted as numbers.",
    )
    if target is None:
        st.caption("Choose what the network should learn to predict from the other columns.")
        return
    own = _sheet(digest, target, name, content)
    part = Part(
        DATASETS["csv"], {"path": str(_place(name, digest)), "target": target, "sha256": digest[: own_data.HASH_DIGITS]}
    )
    used = st.session_state.get(f"{kind.name}:dataset") == [str(part)]
    _summary(own, target)
    st.button(
        "In use" if used else "Use this data",
        type="primary",
        disabled=used,
        width="stretch",
        key="use",
        on_click=_use,
        args=(kind, part, content),
    )
    _columns(own)


@st.cache_resource(max_entries=4, show_spinner=False)
def _cells(digest: str, _name: str, _content: bytes) -> csv_files.Cells:
    """An upload's cells; nothing is kept on disk while it is only looked at."""
    return csv_files.parsed(_name, _content)


@st.cache_resource(max_entries=8, show_spinner=False)
def _sheet(digest: str, target: str, _name: str, _content: bytes) -> own_data.Sheet:
    return own_data.sheet_of(_name, _cells(digest, _name, _content), target)


def _in_use(chosen: list[str]) -> None:
    """The report of the table that the form names already."""
    own = tables_among(chosen)
    if own:
        given = DATASETS.parse(own[0]).completed().arguments
        sheet = own_data.sheet(**given)  # type: ignore[arg-type]
        _summary(sheet, str(given["target"]))
        _columns(sheet)
    else:
        st.caption("Upload a CSV file to train on your own data: text, gaps and scales are taken care of.")


def _summary(own: own_data.Sheet, target: str) -> None:
    """Rows, columns, target, and what is to be beaten."""
    lost = f", {own.dropped_rows:,} left out (no target; words such as NA and None count as none)"
    dropped = lost if own.dropped_rows else ""
    if own.classes:
        shown = ", ".join(own.classes[:6]) + (" …" if len(own.classes) > 6 else "")
        goal = f"**{len(own.classes)} classes**: {_plain(shown)}"
        baseline = f"an accuracy of **{own.majority:.1%}**, that of always answering the largest class"
    else:
        (note,) = (column.note for column in own.columns if column.kind == "target")
        goal = f"**{_plain(note)}**, standardized"
        baseline = "a loss of **1**, that of always answering the mean"
    st.caption(
        f"**{own.rows:,} rows**{dropped}, {len(own.numbers) + len(own.texts)} of {len(own.columns) - 1} columns used.  \n"
        f"Predicts {_plain(target)}: {goal}.  \nTo beat: {baseline}."
    )


def _columns(own: own_data.Sheet) -> None:
    """What became of every column."""
    for name, used_as in (("Numbers, standardized", "number"), ("Text, encoded", "text"), ("Left out", "left out")):
        found = [column for column in own.columns if column.kind == used_as]
        told = [_plain(column.name) + (f" ({_plain(column.note)})" if column.note else "") for column in found]
        more = f" and {len(told) - SHOWN_COLUMNS:,} more" if len(told) > SHOWN_COLUMNS else ""
        if found:
            st.caption(f"**{name}**: {', '.join(told[:SHOWN_COLUMNS])}{more}.")


def _plain(text: str) -> str:
    """A user's words, which are no Markdown."""
    return re.sub(r"([!-+/:-@\[-`{-~-])", r"\\\1", text)  # Markdown's signs are ASCII: before others a \ would be seen


def _place(name: str, digest: str) -> Path:
    """Where an upload is kept once it is used: beside the store, by its name and content."""
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:NAME_LENGTH]
    return Path(core.default_path()).parent / FOLDER / f"{stem}-{digest[: own_data.HASH_DIGITS]}.csv"


def _use(kind: Experiment, part: Part[Dataset], content: bytes) -> None:
    """Keeps the table and puts it into the form, with settings that fit any table."""
    prefix, path = f"{kind.name}:", Path(str(part.arguments["path"]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(content, path)
    except (OSError, ValueError) as error:
        st.session_state[f"{prefix}not used"] = f"the table could not be kept beside the store: {error}"
        return
    st.session_state[f"{prefix}dataset"] = [str(part)]
    if "model" in kind.settings.limits:
        st.session_state[f"{prefix}model"] = ["mlp"]
    if kind.settings.defaults().get("batch_size", 0) is None:
        st.session_state[f"{prefix}batch_size"] = ""  # worked out from the rows
    if "remedy" in kind.settings.limits:
        _fit_blocks(prefix, shape_of(str(part)).features or 0)
    st.session_state[f"{prefix}start"] = True


def _fit_blocks(prefix: str, features: int) -> None:
    """A residual block adds its input to its output: the network is made as wide as the table, or does without them."""
    chosen = st.session_state[f"{prefix}remedy"]
    others = [name for name in chosen if REMEDIES.parse(name).entry.members["residual"] != "lesson_block"]
    if others == chosen:
        return
    if features >= NARROWEST:
        st.session_state[f"{prefix}width"] = str(features)
    else:
        st.session_state[f"{prefix}remedy"] = others or ["relu_he"]


def tables_among(datasets: Iterable[str]) -> list[str]:
    """Those of the datasets that are users' own tables."""
    return [text for text in datasets if text.startswith("csv(")]


def label(text: str) -> str:
    """A table's short name: its file and its target; the text as it is where it can't be read."""
    try:
        part = DATASETS.parse(text)
    except ValueError:
        return text
    if not part.arguments.get("path"):
        return text
    name = Path(str(part.arguments["path"])).stem.removesuffix(f"-{part.arguments['sha256']}")
    return f"{name} → {part.arguments['target']}"
