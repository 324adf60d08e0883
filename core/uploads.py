"""A user's own tables as pages use them: looked at first, kept beside the store once they are used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import files
from core.parts import csv_files, own_data
from core.parts.datasets import DATASETS, DataShape, shape_of
from core.registry import Part
from core.store import default_path

FOLDER = "data"  # beside the store
NAME_LENGTH = 40  # of a kept file, without its hash


@dataclass(frozen=True)
class Upload:
    """A file that was uploaded; nothing of it is on disk before ``keep``."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def cells(self) -> csv_files.Cells:
        """Its cells; ValueError says why it is no table."""
        return csv_files.parsed(self.name, self.content)

    def sheet(self, cells: csv_files.Cells, target: str) -> own_data.Sheet:
        """What becomes of its columns; ValueError says why ``target`` can't be predicted."""
        return own_data.sheet_of(self.name, cells, target)

    def dataset(self, target: str) -> str:
        """It as the text of a dataset."""
        arguments: dict[str, Any] = {
            "path": str(self._path()),
            "target": target,
            "sha256": self.digest[: own_data.HASH_DIGITS],
        }
        return str(Part(DATASETS["csv"], arguments))

    def keep(self) -> None:
        """Keeps it beside the store; ValueError says why it can't be kept."""
        try:
            self._path().parent.mkdir(parents=True, exist_ok=True)
            files.write(self.content, self._path())
        except OSError as error:
            raise ValueError(f"the table could not be kept beside the store: {error}") from None

    def _path(self) -> Path:
        stem = re.sub(r"[^\w-]+", "_", Path(self.name).stem)[:NAME_LENGTH]
        return Path(default_path()).parent / FOLDER / f"{stem}-{self.digest[: own_data.HASH_DIGITS]}.csv"


def own_tables(datasets: Iterable[str | None]) -> list[str]:
    """Those of the datasets that are users' own tables; one that is None is worked out from the rest."""
    return [text for text in datasets if text is not None and text.strip().startswith("csv(")]


def foreign_tables(datasets: Iterable[str]) -> list[str]:
    """Those of the datasets that name a file which is no kept upload: a page must not read it. No file is touched."""
    kept = (Path(default_path()).parent / FOLDER).resolve()
    foreign = []
    for text in own_tables(datasets):
        try:
            path = DATASETS.parse(text).arguments.get("path")
        except ValueError:
            continue  # no dataset at all, which is said elsewhere
        if path is None or Path(str(path)).resolve().parent != kept:
            foreign.append(text)
    return foreign


def file_marks(datasets: Iterable[str]) -> tuple[tuple[float, int], ...]:
    """When each kept table among the datasets was written, and its size: others once a file has changed."""
    marks = []
    for text in own_tables(datasets):
        with suppress(ValueError, OSError):
            status = Path(str(DATASETS.parse(text).arguments["path"])).stat()
            marks.append((status.st_mtime, status.st_size))
    return tuple(marks)


def kept_sheet(text: str) -> tuple[own_data.Sheet, str]:
    """What becomes of the columns of a dataset's table, and its target; ValueError where the table is gone."""
    arguments = DATASETS.parse(text).completed().arguments
    return own_data.sheet(**arguments), str(arguments["target"])  # type: ignore[arg-type]


def dataset_shape(text: str) -> DataShape:
    """Sizes of a dataset."""
    return shape_of(text)


def dataset_label(text: str) -> str:
    """A table's short name: its file and its target; the text as it is where it can't be read."""
    try:
        part = DATASETS.parse(text)
    except ValueError:
        return text
    if not part.arguments.get("path"):
        return text
    name = Path(str(part.arguments["path"])).stem.removesuffix(f"-{part.arguments['sha256']}")
    return f"{name} → {part.arguments['target']}"
