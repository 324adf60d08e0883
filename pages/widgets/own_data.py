"""A user's own table: the upload, what becomes of its columns, and the button that puts it into the form."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import streamlit as st

import core
from core import tables
from core.experiments import Experiment
from core.parts import own_data
from core.parts.datasets import DATASETS, Dataset
from core.registry import Part

FOLDER = "data"  # beside the store
SHOWN_COLUMNS = 30  # of a kind
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
        try:
            if given is not None:
                _uploaded(kind, _kept(given.name, given.getvalue()))
            else:
                _in_use(st.session_state.get(f"{prefix}dataset", []))
        except ValueError as error:
            st.error(str(error).removeprefix("csv: "))


def _uploaded(kind: Experiment, path: str) -> None:
    target = st.selectbox(
        "Column to predict",
        own_data.names(path),
        index=None,
        placeholder="choose one",
        key=f"{kind.name}:target",
        help="Text, or whole numbers of few different values, are classes; other numbers are predicted as numbers.",
    )
    if target is None:
        st.caption("Choose what the network should learn to predict from all other columns.")
        return
    part = Part(DATASETS["csv"], {"path": path, "target": target, "sha256": None}).completed()
    used = st.session_state.get(f"{kind.name}:dataset") == [str(part)]
    st.button(
        "In use" if used else "Use this data",
        type="primary",
        disabled=used,
        width="stretch",
        key="use",
        on_click=_use,
        args=(kind, str(part)),
    )
    _report(part)


def _in_use(chosen: list[str]) -> None:
    """The report of the table that the form names already."""
    own = [text for text in chosen if text.startswith("csv(")]
    if own:
        _report(DATASETS.parse(own[0]).completed())
    else:
        st.caption("Upload a CSV file to train on your own data: text, gaps and scales are taken care of.")


def _report(part: Part[Dataset]) -> None:
    given = part.arguments
    own, shape = own_data.sheet(**given), part.entry.shape(**given)  # type: ignore[arg-type]
    dropped = f", {own.dropped_rows:,} left out (no target)" if own.dropped_rows else ""
    if own.classes:
        shown = ", ".join(own.classes[:6]) + (" …" if len(own.classes) > 6 else "")
        goal = f"**{len(own.classes)} classes**: {_plain(shown)}"
        baseline = f"an accuracy of **{own.majority:.1%}**, that of always guessing the largest class"
    else:
        goal = "**a number**, standardized"
        baseline = "a loss of **1**, that of always guessing the mean"
    st.caption(
        f"**{own.rows:,} rows**{dropped}, {shape.features:,} features.  \nPredicts {_plain(str(given['target']))}: {goal}.  \n"
        f"To beat: {baseline}."
    )
    for name, used_as in (("Numbers, standardized", "number"), ("Text, encoded", "text"), ("Left out", "left out")):
        found = [column for column in own.columns if column.kind == used_as]
        told = [_plain(column.name) + (f" ({_plain(column.note)})" if column.note else "") for column in found]
        more = f" and {len(told) - SHOWN_COLUMNS:,} more" if len(told) > SHOWN_COLUMNS else ""
        if found:
            st.caption(f"**{name}**: {', '.join(told[:SHOWN_COLUMNS])}{more}.")


def _plain(text: str) -> str:
    """A user's words, which are no Markdown."""
    return re.sub(r"([!-+/:-@\[-`{-~-])", r"\\\1", text)  # Markdown's signs are ASCII: before others a \ would be seen


def _kept(name: str, content: bytes) -> str:
    """The path of an upload, kept beside the store by its name and content; ValueError where it is no usable CSV file."""
    digest = hashlib.sha256(content).hexdigest()
    folder = Path(core.default_path()).parent / FOLDER
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:NAME_LENGTH]
    path = folder / f"{stem}-{digest[: own_data.HASH_DIGITS]}.csv"
    if not path.is_file() or own_data.digest_of(str(path)) != digest:
        own_data.check(name, content)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"the folder {folder} can't be made ({error.strerror})") from None
        tables.write(content, path)
    return str(path)


def _use(kind: Experiment, text: str) -> None:
    """Puts the table into the form, with settings that fit any table."""
    prefix = f"{kind.name}:"
    st.session_state[f"{prefix}dataset"] = [text]
    if "model" in kind.settings.limits:
        st.session_state[f"{prefix}model"] = ["mlp"]
    if kind.settings.defaults().get("batch_size", 0) is None:
        st.session_state[f"{prefix}batch_size"] = ""  # worked out from the rows
    st.session_state[f"{prefix}start"] = True


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
