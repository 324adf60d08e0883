"""The store: what goes in comes out whole or not at all, and no file of somebody else's is touched."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import core
from core.faults import HinderedError
from core.store import Row, Store, StoreError

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["id", "experiment", "settings", "seed", "device", "versions", "seconds", "created", "checksum", "frame"]


def row(number: int, size: int = 100) -> Row:
    return Row(f"id-{number:06d}", "vanishing", '{"depth": 5}', number, 0.5, bytes([number % 256]) * size)


def ids(*numbers: int) -> list[str]:
    return [row(number).id for number in numbers]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "folder" / "results.sqlite"


@pytest.fixture
def store(path):
    with closing(Store(path)) as opened:
        yield opened


def change(path: Path, statement: str, *values: object) -> None:
    """Changes the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_rows_come_back_as_they_went_in_also_after_reopening(store, path):
    store.put([row(1), row(2)])
    assert store.find(ids(1, 2, 3)) == ({row(1).id: row(1).frame, row(2).id: row(2).frame}, [])
    assert store.count(ids(1, 2, 3)) == 2
    with closing(Store(path)) as again:
        assert again.find(ids(2)).frames == {row(2).id: row(2).frame}
        assert again.stored("vanishing") == [(row(1).id, '{"depth": 5}', 1), (row(2).id, '{"depth": 5}', 2)]
        assert again.counts() == {"vanishing": (2, 200)}


def test_a_row_put_twice_is_there_once_with_the_later_frame(store):
    store.put([row(1)])
    store.put([row(1)._replace(frame=b"later")])
    assert store.find(ids(1)).frames == {row(1).id: b"later"}
    assert store.counts() == {"vanishing": (1, 5)}


def test_more_ids_than_sqlite_takes_in_one_query_are_found(store):
    store.put([row(number, 1) for number in range(1203)])
    assert store.find(ids(*range(1203))).frames.keys() == set(ids(*range(1203)))
    assert store.count(ids(*range(1202, 2500))) == 1


def test_the_file_is_in_wal_mode_and_its_table_has_the_promised_columns(store, path):
    store.put([row(1)])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert [column[1] for column in connection.execute("PRAGMA table_info(runs)")] == COLUMNS
        assert connection.execute("PRAGMA user_version").fetchone()[0] > 0
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("column", ["frame", "checksum", "id"])
def test_a_damaged_row_is_reported_and_never_served(store, path, column):
    store.put([row(1), row(2)])
    value = {"frame": row(1).frame[:-1] + b"\xff", "checksum": "0" * 64, "id": row(3).id}[column]
    change(path, f"UPDATE runs SET {column}=? WHERE id=?", value, row(1).id)
    damaged = row(3).id if column == "id" else row(1).id
    assert store.find(ids(1, 2, 3)) == ({row(2).id: row(2).frame}, [damaged])
    assert store.damaged() == [damaged]


def test_a_damaged_row_is_computed_again_and_replaced(store, path):
    sweep = core.experiment("vanishing").sweep({"depth": "2", "width": "3", "seeds": "3"})
    crew = core.Workers(core.pool("inline"))
    core.run_job(core.Jobs(crew).submit(sweep, store))
    whole = store.find(list(sweep.run_ids())).frames
    victim = list(sweep.run_ids())[1]
    change(path, "UPDATE runs SET frame=? WHERE id=?", whole[victim][:-8] + b"12345678", victim)
    job = core.Jobs(crew).submit(sweep, store)
    core.run_job(job)
    assert (job.progress.stored, job.progress.computed, job.progress.damaged) == (2, 1, 1)
    assert store.find(list(sweep.run_ids())) == (whole, [])


@pytest.mark.parametrize(
    "content",
    [b"hi", b"run,depth,seed\n1,2,3\n", b"A long letter to a friend. " * 400],
    ids=["two bytes", "short text", "long text"],
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folder_bytes(tmp_path) == {"letter.txt": content}


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("tables", [("runs",), ("people", "runs", "sweeps")], ids=" ".join)
def test_somebody_elses_database_is_refused_and_left_as_it_is(tmp_path, tables, journal):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        with connection:
            for table in tables:
                connection.execute(f"CREATE TABLE {table} (id TEXT, name TEXT)")
                connection.execute(f"INSERT INTO {table} VALUES ('1', 'something')")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"no store of Gradient Lab; choose another with --store$"):
        Store(path)
    assert path.read_bytes() == before


def test_a_store_of_a_later_schema_is_refused_and_left_as_it_is(path):
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema version 99, this program knows"):
        Store(path)
    assert path.read_bytes() == before


def test_a_store_cut_off_in_the_middle_gets_a_sentence_and_is_left_as_it_is(path):
    with closing(Store(path)) as store:
        store.put([row(number, 5000) for number in range(20)])
    cut = path.read_bytes()[:9000]
    path.write_bytes(cut)
    with pytest.raises(StoreError, match=r"are damaged; .* prune keeps what is whole"), closing(Store(path)) as store:
        store.find(ids(*range(20)))
    assert path.read_bytes() == cut


@pytest.mark.parametrize("below", ["file/results.sqlite", "file/deeper/results.sqlite", "."])
def test_a_place_that_cant_hold_a_store_gets_a_sentence(tmp_path, below):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / below
    with pytest.raises(StoreError, match="choose another with --store") as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert folder_bytes(tmp_path) == {"file": b"in the way"}


@pytest.mark.parametrize(("column", "value"), [("versions", "torch 0.1, numpy 0.1"), ("device", "abacus")])
def test_rows_that_another_torch_or_device_made_are_not_served(store, path, column, value):
    store.put([row(1), row(2)])
    change(path, f"UPDATE runs SET {column}=? WHERE id=?", value, row(1).id)
    assert store.find(ids(1, 2)) == ({row(2).id: row(2).frame}, [])
    assert store.count(ids(1, 2)) == 1
    assert store.find(ids(1, 2), by_anyone=True).frames.keys() == set(ids(1, 2))
    assert store.count(ids(1, 2), by_anyone=True) == 2
    assert sorted(id for id, _, _ in store.stored("vanishing")) == ids(1, 2)
    store.put([row(1)])
    assert store.count(ids(1, 2)) == 2


def test_pruning_knows_the_rows_of_other_versions_and_old_ones(store, path):
    store.put([row(number) for number in range(4)])
    change(path, "UPDATE runs SET versions='torch 0.1' WHERE id=?", row(1).id)
    change(path, "UPDATE runs SET created=created - 10 * 86400 WHERE id=?", row(2).id)
    assert store.stale() == ids(1)
    assert store.older_than(9) == ids(2)
    store.delete([*store.stale(), *store.older_than(9)])
    store.shrink()
    assert store.counts() == {"vanishing": (2, 200)}
    assert store.find(ids(0, 3)).frames.keys() == set(ids(0, 3))


def test_sweeps_are_remembered_the_latest_first_and_can_be_forgotten(store):
    store.remember("a", "vanishing", {"depth": "5"}, 3)
    store.remember("b", "vanishing", {"depth": "6"}, 4)
    store.remember("a", "vanishing", {"depth": "5"}, 3)
    assert [(sweep.key, sweep.link, sweep.runs) for sweep in store.sweeps()] == [
        ("a", {"depth": "5"}, 3),
        ("b", {"depth": "6"}, 4),
    ]
    store.put([row(1)])
    store.forget(["a"])
    assert [sweep.key for sweep in store.sweeps()] == ["b"]
    assert store.count(ids(1)) == 1


OPENER = """
import sys
from core.faults import HinderedError
from core.store import Row, Store
number = int(sys.argv[1])
print("ready", flush=True)
for path in sys.stdin:
    store = Store(path.strip())
    store.put([Row(f"{number}-{k}", "vanishing", "{}", k, 0.1, bytes(200)) for k in range(5)])
    store.close()
    print("done", flush=True)
"""


def test_four_processes_may_make_one_new_store_at_once(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPENER, str(number)],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]  # fmt: skip
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
        for turn in range(12):
            path = tmp_path / f"{turn}.sqlite"
            for process in processes:
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
            for process in processes:
                assert process.stdout.readline() == "done\n", process.stderr.read()
            with closing(Store(path)) as store:
                wanted = [f"{number}-{k}" for number in range(4) for k in range(5)]
                assert store.count(wanted) == 20
                assert store.damaged() == []
        for process in processes:
            assert process.communicate(timeout=30) == ("", "")
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("shared", [True, False], ids=["one connection", "a connection each"])
def test_two_threads_may_write_at_once(store, path, shared):
    faults: list[BaseException] = []
    start = threading.Barrier(2)

    def write(offset: int) -> None:
        mine = store if shared else Store(path)
        try:
            start.wait()
            for number in range(offset, offset + 40):
                mine.put([row(number)])
                mine.find(ids(number, number - 1))
                mine.remember(str(number), "vanishing", {"depth": str(number)}, 1)
        except BaseException as error:
            faults.append(error)
        finally:
            if not shared:
                mine.close()

    threads = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert store.count(ids(*range(40), *range(1000, 1040))) == 80
    assert len(store.sweeps()) == 80


def test_a_full_disk_gets_a_sentence_and_loses_nothing(store):
    store.put([row(number) for number in range(10)])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(HinderedError, match=r"could not grow .*free some room and run again$"):
        store.put([row(10), row(11, 500_000)])
    assert store.find(ids(*range(12))).frames == {row(number).id: row(number).frame for number in range(10)}
    store._connection.execute("PRAGMA max_page_count=1000000")
    store.put([row(10), row(11, 500_000)])
    assert store.count(ids(*range(12))) == 12


def test_a_sweep_that_meets_a_full_disk_fails_with_the_sentence_and_keeps_what_it_had(store):
    kind = core.experiment("vanishing")
    crew = core.Workers(core.pool("inline"))
    first = kind.sweep({"depth": "2", "width": "3", "seeds": "3"})
    core.run_job(core.Jobs(crew).submit(first, store))
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(ValueError, match="free some room and run again"):
        core.run_job(core.Jobs(crew).submit(kind.sweep({"depth": "2,3", "width": "3", "seeds": "200"}), store))
    assert store.count(list(first.run_ids())) == 3
    assert store.damaged() == []


def test_the_stores_place_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "mine.sqlite"))
    with closing(Store()) as store:
        assert store.path == tmp_path / "mine.sqlite"
    assert (tmp_path / "mine.sqlite").is_file()
