"""A user's own tables as pages and Python use them: looked at first, kept beside the store once they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.parts import csv_files, kept_tables, own_data, own_reading
from core.parts.datasets import DATASETS, DataShape, shape_of
from core.parts.own_story import Sentence
from core.registry import Part

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Choices:
    """How a table is to be read: the arguments of ``csv`` beside its file and its target, as they are written there."""

    kind: str = "auto"
    header: str = "auto"
    keep: str | None = None

    def keeping(self, names: Iterable[str]) -> Choices:
        """These choices, and the columns to keep."""
        return replace(self, keep=own_data.keep_text(names))


@dataclass(frozen=True)
class Upload:
    """A file that was uploaded; nothing of it is on disk before ``keep``."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def cells(self, header: str = "auto") -> csv_files.Cells:
        """Its cells; ValueError says why it is no table."""
        return csv_files.parsed(self.name, self.content, header)

    def reading(self, cells: csv_files.Cells, target: str, choices: Choices) -> own_reading.Reading:
        """What becomes of the table; ValueError says why ``target`` can't be predicted."""
        return own_reading.read(self.name, own_data.sheet_of(self.name, cells, target, choices.kind, choices.keep))

    def dataset(self, target: str, choices: Choices | None = None) -> str:
        """It as the text of a dataset, which its hash names."""
        return _dataset_text(None, target, self.digest, choices or Choices())

    def keep(self) -> None:
        """Keeps it beside the store; ValueError says why it can't be kept."""
        kept_tables.keep(self.name, self.content)

    def keep_reading(self, target: str, choices: Choices, reading: own_reading.Reading) -> None:
        """Keeps what was read of it as well, so that nobody reads it again."""
        own_reading.keep_as(self.digest, target, vars(choices), reading)


def _dataset_text(path: str | None, target: str, digest: str, choices: Choices) -> str:
    arguments = {"path": path, "target": target, **vars(choices), "sha256": digest[: kept_tables.HASH_DIGITS]}
    return str(Part(DATASETS["csv"], arguments))


def csv(
    source: pd.DataFrame | str | Path,
    target: object,
    kind: str = "auto",
    header: str = "auto",
    keep: str | Sequence[str] | None = None,
) -> str:
    """The text of a dataset for every ``dataset=``: a table of one's own, and the column to predict.

    source  a data frame, which is kept beside the store by the hash of its content, or the path of a CSV file
    kind    ``auto``, ``classes``, ``number`` or ``log``, a number's logarithm
    header  ``auto``, ``yes`` or ``no``; a data frame has one
    keep    columns to use though they seem to name rows: a list, or text with commas between (a name that holds one in
            double quotes)

    Raises ValueError with a sentence where it can't be used.
    """
    names = keep if keep is None or isinstance(keep, str) else own_data.keep_text(keep)
    choices, path = Choices(kind, header, names or None), None
    if isinstance(source, (str, Path)):
        path, digest = str(source), csv_files.digest_of(str(source))
    elif hasattr(source, "to_csv") and hasattr(source, "columns"):
        content = source.to_csv(index=False).encode()
        choices = Choices(kind, "auto" if csv_files.parsed("the data frame", content).headed else "yes", names or None)
        digest = kept_tables.keep("frame", content)
    else:
        raise ValueError(f"csv: takes a data frame or the path of a CSV file, but got {type(source).__name__}")
    part = DATASETS.parse(_dataset_text(path, " ".join(str(target).split()), digest, choices))
    return str(part.completed())


def table(source: pd.DataFrame | str | Path, target: object = None, **choices: Any) -> str:
    """What becomes of a table: its rows, its columns, its target, and what is to be beaten; a sentence a line.

    source   a data frame, the path of a CSV file, or the text of a dataset, which names its target
    choices  ``kind``, ``header``, ``keep`` as ``csv`` takes them

    Raises ValueError with a sentence where it can't be used.
    """
    is_dataset_text = isinstance(source, str) and bool(own_tables([source]))
    dataset = str(source) if is_dataset_text else csv(source, "" if target is None else target, **choices)
    return "\n".join(str(sentence) for sentence in story(dataset))


def story(dataset: str) -> tuple[Sentence, ...]:
    """What became of a table that is a dataset, a sentence each; none for other datasets and where it is gone."""
    if not own_tables([dataset]):
        return ()
    return own_reading.reading(**DATASETS.parse(dataset).completed().arguments).story  # type: ignore[arg-type]


def keep_readings(datasets: Iterable[str]) -> None:
    """Keeps what was read of users' own tables, so that no other process reads them again."""
    for text in own_tables(datasets):
        with suppress(ValueError):  # what can't be read is said elsewhere
            own_reading.keep(**DATASETS.parse(text).completed().arguments)  # type: ignore[arg-type]


def own_tables(datasets: Iterable[str | None]) -> list[str]:
    """Those of the datasets that are users' own tables; one that is None is worked out from the rest."""
    return [text for text in datasets if text is not None and text.strip().startswith("csv(")]


def foreign_tables(datasets: Iterable[str]) -> list[str]:
    """Those of the datasets that name a file which is no kept upload: a page must not read it. No file is touched."""
    folder, foreign = kept_tables.folder().resolve(), []
    for text in own_tables(datasets):
        try:
            arguments = DATASETS.parse(text).arguments
        except ValueError:
            continue  # no dataset at all, which is said elsewhere
        path = arguments["path"]
        if path is None and arguments["sha256"] is not None:
            continue
        if path is None or Path(str(path)).resolve().parent != folder:
            foreign.append(text)
    return foreign


def _place(text: str) -> Path:
    """Where the file of a table lies; ValueError where it is not known."""
    arguments = DATASETS.parse(text).arguments
    path, sha256 = arguments["path"], arguments["sha256"]
    return Path(str(path)) if path is not None else kept_tables.kept_path(str(sha256))


def file_marks(datasets: Iterable[str]) -> tuple[tuple[float, int], ...]:
    """When each kept table among the datasets was written, and its size: others once a file has changed."""
    marks = []
    for text in own_tables(datasets):
        with suppress(ValueError, OSError):
            status = _place(text).stat()
            marks.append((status.st_mtime, status.st_size))
    return tuple(marks)


def dataset_shape(text: str) -> DataShape:
    """Sizes of a dataset."""
    return shape_of(text)


def dataset_label(text: str) -> str:
    """A table's short name: its file and its target; the text as it is where it can't be read."""
    try:
        part = DATASETS.parse(text)
        name = Path(kept_tables.own_name(_place(text))).stem
    except ValueError:
        return text
    kind = part.arguments["kind"]
    return f"{name} → {part.arguments['target']}{'' if kind == 'auto' else f' ({kind})'}"
