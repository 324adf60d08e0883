"""What is kept beside the store: users' own tables by the hash of their content, and what was read and measured of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

DEFAULT_STORE = ".gradient_lab/results.sqlite"
FOLDER = "data"  # beside the store
HASH_DIGITS = 16  # of the 64, in canonical text
NAME_LENGTH = 40  # of a kept file, without its hash
MOST_BYTES = 10**9  # of what was read and measured; the tables themselves stay
MADE_HERE = ("read-*.npz", "read-*.json", "baselines-*.json")


def default_path() -> str:
    """Where the store is, unless a command says otherwise."""
    return os.environ.get("GRADIENT_LAB_STORE") or DEFAULT_STORE


def folder() -> Path:
    """Where tables are kept; it need not be there."""
    return Path(default_path()).parent / FOLDER


def kept_path(sha256: str) -> Path:
    """The table whose hash begins so; ValueError where none is kept."""
    digits = sha256[:HASH_DIGITS].lower()
    if not re.fullmatch(f"[0-9a-f]{{{HASH_DIGITS}}}", digits):
        raise ValueError(f"csv: sha256 must be {HASH_DIGITS} digits 0-9 a-f or more, but got {sha256}")
    for path in sorted(folder().glob(f"*-{digits}.csv")):
        return path
    raise ValueError(
        f"csv: no table with the hash {digits} is kept in {folder()}; upload it again, or name its file with path="
    )


def own_name(path: Path) -> str:
    """A file's name as its owner knows it, without the hash under which it is kept."""
    return re.sub(f"-[0-9a-f]{{{HASH_DIGITS}}}$", "", path.stem) + path.suffix


def keep(name: str, content: bytes) -> str:
    """Keeps a table under its name and hash; the hash. ValueError says why it can't be kept."""
    digest = hashlib.sha256(content).hexdigest()
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:NAME_LENGTH] or "table"
    try:
        with suppress(ValueError):
            kept_path(digest)
            return digest
        write(folder() / f"{stem}-{digest[:HASH_DIGITS]}.csv", content)
    except OSError as error:
        raise ValueError(f"the table could not be kept beside the store: {error}") from None
    return digest


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def key_of(**facts: object) -> str:
    """The name of what follows from these facts alone."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def read_arrays(key: str) -> dict[str, np.ndarray] | None:
    """The arrays that are kept under ``key``; None for none."""
    try:
        with np.load(folder() / f"{key}.npz", allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def has_arrays(key: str) -> bool:
    """Whether arrays are kept under ``key``."""
    return (folder() / f"{key}.npz").is_file()


def keep_arrays(key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keeps arrays under ``key``; a folder that can't be written to keeps nothing."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    with suppress(OSError):
        write(folder() / f"{key}.npz", sink.getvalue())
    drop_oldest(MOST_BYTES, besides=key)


def read_facts(key: str) -> dict[str, Any] | None:
    """The facts that are kept under ``key``; None for none."""
    try:
        facts = json.loads((folder() / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def keep_facts(key: str, facts: Mapping[str, object]) -> None:
    """Keeps facts under ``key``; a folder that can't be written to keeps nothing."""
    with suppress(OSError):
        write(folder() / f"{key}.json", json.dumps(facts).encode())


def drop_oldest(most: int, besides: str = "") -> int:
    """Deletes the oldest of what was read and measured until the rest has at most so many bytes; how many bytes went.

    Tables stay, and what is kept under the key ``besides``. What is gone is read again when it is asked for.
    """
    files = []
    for pattern in MADE_HERE:
        for path in folder().glob(pattern):
            with suppress(OSError):  # another process deleted it
                status = path.stat()
                files.append((status.st_mtime_ns, path.name, status.st_size, path))
    size, freed = sum(file[2] for file in files), 0
    for _, _, bytes_there, path in sorted(files):
        if size - freed <= most:
            break
        if path.stem != besides:
            with suppress(OSError):
                path.unlink()
                freed += bytes_there
    return freed
