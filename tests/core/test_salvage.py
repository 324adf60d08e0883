"""A store whose pages are damaged: what is whole is still served, the damage is named, prune mends it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import core
from core.__main__ import main
from core.faults import HinderedError
from core.salvage import salvage
from core.store import DamagedError, Row, Store, StoreError

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096
INTERIOR_ROWS = 12  # of a page: more are not lost with it


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A store of forty runs, a named sweep and long rows, its log written into the file."""
    path = tmp_path_factory.mktemp("original") / "results.sqlite"
    core.run("vanishing", depth=[2, 3], width=4, seeds=20, executor="inline", store=str(path))
    with closing(Store(path)) as store:
        core.put_label(store.sweeps()[0].key, core.Label("Mine", "", True), store)
        store.put([Row(f"long {k}", "foreign", "{}", k, 0.1, bytes([k]) * (3_000 * k)) for k in range(12)])
        store.delete(["long 3"])  # leaves free pages
        store.settle()
    return path


def frames(store: Store) -> dict[str, bytes]:
    return dict(store.readable("SELECT id, frame FROM runs ORDER BY id"))


def damaged_copy(original: Path, folder: Path, page: int, content: bytes) -> Path:
    """The store with one page overwritten."""
    folder.mkdir()
    copy = folder / "results.sqlite"
    shutil.copyfile(original, copy)
    with copy.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(content)
    return copy


def test_whichever_page_is_overwritten_the_rows_on_others_are_served_and_nothing_else(original, tmp_path):
    draw = random.Random(17)
    with closing(Store(original)) as store:
        whole = frames(store)
    assert len(whole) == 51
    mended = 0
    for page in range(2, original.stat().st_size // PAGE + 1):
        content = draw.choice([b"\xff" * PAGE, bytes(PAGE), draw.randbytes(PAGE), draw.randbytes(400)])
        copy = damaged_copy(original, tmp_path / str(page), page, content)
        with closing(Store(copy)) as store:
            (tmp_path / f"{page} whole").mkdir()
            saved, lost = salvage(store, tmp_path / f"{page} whole")
            with closing(saved):
                found = frames(saved)
                assert found.items() <= whole.items(), page
                assert len(found) >= len(whole) - INTERIOR_ROWS, page
                assert not set(lost) & set(found)
                try:
                    store.check()
                    assert set(found) == set(whole) - set(store.damaged())
                except DamagedError:
                    store.replace(saved)
                    mended += 1
            store.check()
            assert frames(store).items() >= found.items()
        shutil.rmtree(tmp_path / str(page))
    assert mended > 20


def command(capsys, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    return code, *capsys.readouterr()


@pytest.mark.parametrize("page", [2, 3])
def test_commands_go_on_with_what_is_whole_and_prune_mends_the_store(original, tmp_path, capsys, page):
    copy = str(damaged_copy(original, tmp_path / "folder", page, b"\xff" * PAGE))
    sentence = f"pages of the store {copy} are damaged: "
    code, out, err = command(capsys, "store", "list", "--store", copy)
    assert (code, "★ Mine" in out) == (0, True)
    assert err.startswith(sentence)
    assert err.endswith("prune keeps what is whole; run computes the rest again\n")
    code, out, err = command(capsys, "store", "verify", "--store", copy)
    assert (code, err) == (1, "")
    assert out.startswith(sentence)
    code, before, _ = command(capsys, "store", "export", "vanishing", "--store", copy)
    assert code == 0
    assert len(before.splitlines()) > 60
    code, out, err = command(capsys, "store", "prune", "--store", copy)
    assert (code, err) == (0, "")
    assert out.startswith(sentence)
    code, out, err = command(capsys, "store", "verify", "--store", copy)
    assert (code, err, ", 0 damaged" in out) == (0, "", True)
    assert command(capsys, "store", "export", "vanishing", "--store", copy) == (0, before, "")
    words = ["run", "vanishing", "depth=2,3", "width=4", "seeds=20", "--executor", "inline", "--store", copy]
    code, out, err = command(capsys, *words)
    assert (code, len(out.splitlines())) == (0, 1 + 20 * (2 + 3))
    assert "40 of 40 runs: " in err


def test_who_writes_meanwhile_finds_the_mended_store(original, tmp_path):
    copy = damaged_copy(original, tmp_path / "folder", 2, b"\xff" * PAGE)
    with closing(Store(copy)) as server, closing(Store(copy)) as store:
        saved, _ = salvage(store, tmp_path)
        store.replace(saved)
        saved.close()
        server.put([Row("new", "foreign", "{}", 1, 0.1, b"frame")])
        assert store.find(["new"]).frames == {"new": b"frame"}
        server.check()


@pytest.mark.parametrize("kept", [True, False], ids=["shared memory kept", "shared memory gone"])
def test_a_store_with_something_in_its_log_that_may_only_be_read_is_listed_and_exported(kept):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.sqlite"
        writer = "; ".join(
            [
                "import os",
                "from core.store import Row, Store",
                f"Store({str(path)!r}).put([Row('a', 'vanishing', '{{}}', 0, 0.1, b'frame')])",
                "os.kill(os.getpid(), 9)",
            ]
        )
        subprocess.run([sys.executable, "-c", writer], cwd=ROOT, check=False)
        assert Path(f"{path}-wal").stat().st_size > 0
        if not kept:
            Path(f"{path}-shm").unlink()
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        root = os.geteuid() == 0  # who may write anywhere: become somebody who may not
        core.Store(Path(folder).parent / "warm.sqlite").close()
        (Path(folder).parent / "warm.sqlite").unlink()
        if root:
            os.seteuid(65534)
        try:
            with closing(Store(path)) as store:
                assert store.counts() == {"vanishing": (1, 5)}
                assert store.find(["a"]).frames == {"a": b"frame"}
                with pytest.raises(StoreError, match="can't be written to; choose another with --store"):
                    store.put([Row("b", "vanishing", "{}", 0, 0.1, b"frame")])
        finally:
            if root:
                os.seteuid(0)
            Path(folder).chmod(0o755)


def test_a_store_that_stays_locked_says_so(original, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("core.store.PATIENCE", 0.1)
    copy = damaged_copy(original, tmp_path / "folder", 2, b"")
    with closing(sqlite3.connect(copy)) as other, closing(Store(copy)) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HinderedError, match="stayed locked by another program; run again later"):
            store.put([Row("b", "vanishing", "{}", 0, 0.1, b"frame")])
        words = ["run", "vanishing", "depth=4", "width=4", "--executor", "inline", "--store", str(copy), "--quiet"]
        assert main(words) == 1
    assert capsys.readouterr().err == f"the store {copy} stayed locked by another program; run again later\n"
