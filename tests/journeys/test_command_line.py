"""What people type, from the outside: python -m core, as a process of its own, with a store of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import core
from core.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0  # seconds after which a test gives up; none takes as long
SMALL = ["depth=2,3", "width=4", "seeds=3"]
INLINE = ["--executor", "inline"]
LONG = ["depth=40", "width=128", "batch_size=216:256", "seeds=4"]  # some seconds of work, in 40 tasks
LONG_RUNS = 160


class Lab:
    """A folder to stand in, a store, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store" / "results.sqlite"
        self.environment = {**os.environ, "GRADIENT_LAB_STORE": str(self.store), "PYTHONPATH": str(ROOT)}

    def start(self, *words: str, **options: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "core", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def __call__(self, *words: str, code: int = 0) -> tuple[str, str]:
        """Standard output and standard error of one command, which must exit with ``code``."""
        process = self.start(*words)
        out, err = (text.decode() for text in process.communicate(timeout=PATIENCE))
        assert "Traceback" not in err, err
        assert process.returncode == code, (process.returncode, out, err)
        return out, err

    def rows(self) -> int:
        """Rows in the store, read past the program."""
        if not self.store.exists():
            return 0
        with closing(sqlite3.connect(self.store, timeout=10)) as connection:
            try:
                return connection.execute("SELECT count(*) FROM runs").fetchone()[0]
            except sqlite3.OperationalError:  # its tables are being made
                return 0

    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.folder.iterdir() if file.is_file()}


@pytest.fixture
def lab(tmp_path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Lab:
    """A lab in which a small and a sick sweep have been run, to a.csv and sick.csv; tests only read it."""
    there = Lab(tmp_path_factory.mktemp("filled"))
    there("run", "vanishing", *SMALL, *INLINE, "--out", "a.csv")
    there("run", "vanishing", "depth=20", "seeds=5", *INLINE, "--out", "sick.csv")
    return there


def test_list_names_every_experiment_and_every_part(lab):
    out, err = lab("list")
    for name in core.NAMES:
        assert f"\n  {name} " in out
    for registry in core.REGISTRIES.values():
        for entry in registry:
            assert f"\n  {entry.name}" in out
    assert err == ""
    assert lab.files() == {}


def test_show_names_every_setting_and_every_column(lab):
    out, err = lab("show", "vanishing")
    kind = core.experiment("vanishing")
    for name in (*kind.settings.names(), "seeds", *kind.columns):
        assert f"\n  {name} " in out
    for preset in kind.presets:
        assert preset.name in out
    assert "at most 1/4" in out
    assert err == ""


def test_version_is_the_packages(lab):
    assert lab("--version") == (f"Gradient Lab {core.__version__}\n", "")


@pytest.mark.slow
def test_csv_parquet_and_standard_output_hold_the_same_frame(filled):
    out, err = filled("run", "vanishing", *SMALL, *INLINE)
    assert out.encode() == (filled.folder / "a.csv").read_bytes()
    assert err.endswith("6 of 6 runs: 6 from the store, 0 computed in " + err.rsplit(" ", 2)[-2] + " s\n")
    filled("run", "vanishing", *SMALL, *INLINE, "--out", "a.parquet", "--quiet")
    table = pd.read_parquet(filled.folder / "a.parquet")
    assert list(table.columns) == list(core.experiment("vanishing").columns)
    assert len(table) == 3 * 2 + 3 * 3
    read = pd.read_csv(io.StringIO(out))
    pd.testing.assert_frame_equal(read, table.astype({"base_lr": float}), check_dtype=False, check_exact=True)


@pytest.mark.slow
def test_the_summary_has_a_row_per_setting_and_measure_and_that_of_runs_a_row_per_run(filled):
    by_setting = pd.read_csv(io.StringIO(filled("run", "vanishing", *SMALL, *INLINE, "--summary")[0]))
    assert {"measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"} <= set(by_setting.columns)
    assert set(by_setting["depth"]) == {2, 3}
    assert (by_setting["n"] == 3).all()
    assert not by_setting.duplicated(["depth", "measure"]).any()
    by_run = pd.read_csv(io.StringIO(filled("run", "vanishing", *SMALL, *INLINE, "--summary", "runs")[0]))
    assert len(by_run) == 6
    assert by_run["run"].is_unique
    assert by_run["decay_factor"].notna().all()


def test_a_dry_run_computes_and_makes_nothing(lab):
    out, err = lab("run", "vanishing", "depth=5,20", "seeds=20", "--dry-run", "--out", "a.csv")
    assert out.startswith("40 runs, 500 rows, about ")
    assert err == ""
    assert list(lab.folder.iterdir()) == []


@pytest.mark.slow
def test_quiet_is_silent(lab):
    assert lab("run", "vanishing", *SMALL, *INLINE, "--quiet", "--out", "a.csv") == ("", "")
    assert (lab.folder / "a.csv").exists()
    assert lab.rows() == 6


@pytest.mark.slow
def test_fresh_computes_again_and_gets_the_same_file(filled):
    out, err = filled("run", "vanishing", *SMALL, *INLINE, "--fresh")
    assert "0 from the store, 6 computed" in err
    assert out.encode() == (filled.folder / "a.csv").read_bytes()


@pytest.mark.slow
def test_diagnose_prints_sentences_and_writes_findings_as_json(filled):
    out, err = filled("diagnose", "sick.csv", "--findings", "sick.json")
    assert out.startswith("error: ")
    assert "gradients vanish" in out
    assert err == ""
    (finding,) = json.loads((filled.folder / "sick.json").read_text(encoding="utf-8"))
    assert list(finding) == ["code", "severity", "message", "evidence", "remedy", "link", "file", "run"]
    assert (finding["code"], finding["severity"]) == ("vanishing_gradients", "error")
    assert finding["message"] in out
    out, _ = filled("diagnose", "a.csv", "--findings", "sound.json")
    assert out.startswith("No fault found")
    assert json.loads((filled.folder / "sound.json").read_text(encoding="utf-8")) == []


def test_the_stores_list_says_how_much_of_each_sweep_is_there(filled):
    out, err = filled("store", "list")
    assert out.startswith("vanishing: 11 runs, ")
    assert "  6 of 6 runs  vanishing depth=2,3 width=4 " in out
    assert "  5 of 5 runs  vanishing depth=20 " in out
    assert err == ""


@pytest.mark.slow
def test_export_gives_the_runs_that_are_asked_for(filled):
    out, _ = filled("store", "export", "vanishing", *SMALL)
    assert out.encode() == (filled.folder / "a.csv").read_bytes()
    filled("store", "export", "vanishing", "depth=3,20", "seeds=1,2", "--out", "part.parquet")
    part = pd.read_parquet(filled.folder / "part.parquet")
    assert sorted(set(zip(part["depth"], part["seed"], strict=True))) == [(3, 1), (3, 2), (20, 1), (20, 2)]
    everything = pd.read_csv(io.StringIO(filled("store", "export", "vanishing")[0]))
    assert everything["run"].nunique() == 11


@pytest.mark.slow
def test_a_damaged_row_fails_verify_is_mended_by_run_and_deleted_by_prune(lab):
    lab("run", "vanishing", *SMALL, *INLINE, "--out", "a.csv")
    assert lab("store", "verify") == ("6 rows checked, 0 damaged\n", "")
    damaged = break_a_row(lab)
    out, _ = lab("store", "verify", code=1)
    assert out.splitlines() == ["6 rows checked, 1 damaged: they will be computed again", damaged]
    assert damaged not in lab("store", "export", "vanishing")[0]
    out, err = lab("run", "vanishing", *SMALL, *INLINE)
    assert out.encode() == (lab.folder / "a.csv").read_bytes()
    assert "5 from the store, 1 computed" in err
    assert "1 damaged rows replaced" in err
    lab("store", "verify")
    break_a_row(lab)
    assert lab("store", "prune") == (f"1 row deleted from {lab.store}\n", "")
    assert lab.rows() == 5
    assert lab("store", "prune", "--older-than", "1")[0].startswith("0 rows")
    assert lab("store", "prune", "--all")[0].startswith("5 rows")
    assert lab("store", "list")[0] == f"{lab.store} holds no runs yet; fill it with python -m core run vanishing\n"


def break_a_row(lab: Lab) -> str:
    """Changes one byte of one frame; that row's id."""
    with closing(sqlite3.connect(lab.store)) as connection, connection:
        id, frame = connection.execute("SELECT id, frame FROM runs ORDER BY id LIMIT 1").fetchone()
        changed = bytearray(frame)
        changed[len(changed) // 2] ^= 1
        connection.execute("UPDATE runs SET frame=? WHERE id=?", (bytes(changed), id))
    return id


@pytest.mark.slow
def test_code_prints_a_script_that_prints_what_run_prints(lab):
    script, err = lab("code", "vanishing", "depth=5", "activation=tanh", "seed=3")
    assert err == ""
    assert script == core.code("vanishing", depth=5, activation="tanh", seed=3)
    (lab.folder / "mine.py").write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", "mine.py"], cwd=lab.folder, capture_output=True, text=True, check=True)
    plain = pd.read_csv(io.StringIO(done.stdout))
    ours = pd.read_csv(io.StringIO(lab("run", "vanishing", "depth=5", "seeds=3:4", *INLINE)[0]))
    pd.testing.assert_frame_equal(plain, ours[list(plain.columns)], rtol=1e-4, check_dtype=False)


BAD = {
    "no command": ([], "COMMAND"),
    "unknown experiment": (["run", "vanishin"], "did you mean 'vanishing'"),
    "unknown setting": (["run", "vanishing", "depht=3"], "did you mean 'depth'"),
    "unknown part": (["run", "vanishing", "activation=tahn"], "did you mean 'tanh'"),
    "part's argument out of range": (["run", "vanishing", "init=normal(std=-1)"], "std"),
    "not a number": (["run", "vanishing", "depth=deep"], "depth: must be a whole number, 1 to 1000, but got deep"),
    "nothing": (["run", "vanishing", "depth="], "depth: "),
    "no equals sign": (["run", "vanishing", "depth"], "settings are written name=value, but got 'depth'"),
    "given twice": (["run", "vanishing", "depth=3", "depth=4"], "depth: is given twice"),
    "repeated value": (["run", "vanishing", "depth=3,3"], "depth: 3 is given twice"),
    "empty range": (["run", "vanishing", "depth=5:5"], "depth: the range 5:5 is empty"),
    "a billion seeds": (["run", "vanishing", "seeds=1000000000"], "1,000,000,000 runs"),
    "impossible combination": (["run", "vanishing", "norm=batch"], "batch_size: "),
    "setting without effect": (["run", "vanishing", "optimizer=sgd"], "optimizer: has no effect"),
    "wrong ending": (["run", "vanishing", "--out", "a.txt"], "--out: must end in .csv or .parquet"),
    "no such folder": (["run", "vanishing", "--out", "nowhere/a.csv"], "--out: the folder nowhere does not exist"),
    "no workers": (["run", "vanishing", "--workers", "0"], "workers: must be a whole number, 1 to 1024, but got 0"),
    "unknown executor": (["run", "vanishing", "--executor", "inlin"], "did you mean 'inline'"),
    "unknown device": (["run", "vanishing", "--device", "gpu", "--out", "a.csv"], "device"),
    "unknown summary": (["run", "vanishing", "--summary", "run"], "did you mean 'runs'"),
    "unknown option": (["run", "vanishing", "--fresher"], "--fresher"),
    "store is a text file": (["run", "vanishing", "--store", "letter.txt"], "letter.txt is damaged or no store"),
    "store below a file": (["run", "vanishing", "--store", "letter.txt/s.sqlite"], "choose another with --store"),
    "code of several depths": (["code", "vanishing", "depth=5,20"], "depth: code writes one run, so give one value"),
    "code of several seeds": (["code", "vanishing", "seeds=3"], "give one seed, such as seed=3"),
    "code of no seed": (["code", "vanishing", "seed="], "seed: must be one whole number"),
    "code of an unknown setting": (["code", "vanishing", "depht=3"], "did you mean 'depth'"),
    "code of nothing": (["code"], "experiment"),
    "diagnose a text": (["diagnose", "letter.txt"], "letter.txt: no loss, step or epoch was found"),
    "diagnose a foreign table": (["diagnose", "people.csv"], "people.csv: no loss, step or epoch was found"),
    "diagnose an empty file": (["diagnose", "empty.csv"], "empty.csv: is empty"),
    "diagnose no parquet": (["diagnose", "fake.parquet"], "fake.parquet: can't be read as parquet"),
    "findings in no json": (["diagnose", "people.csv", "--findings", "a.txt"], "--findings: must end in .json"),
    "import a foreign table": (["store", "import", "people.csv"], "people.csv: is no frame of ours: for "),
    "import nothing": (["store", "import", "nowhere.csv"], "nowhere.csv: there is no such file"),
    "nothing to export": (["store", "export", "vanishing"], "holds no such runs of vanishing"),
    "no store action": (["store"], "list|export|import|verify|prune"),
    "no time steps": (["run", "through_time", "model=mlp"], "model: mlp has no time steps"),
    "no sequences": (["run", "through_time", "dataset=digits"], "dataset: rnn reads sequences"),
    "no gain": (["run", "through_time", "gain=0"], "gain: must be above 0, at most 100, but got 0"),
    "too few sequences": (["run", "through_time", "batch_size=1281"], "batch_size: adding has 1,280 sequences"),
    "no size": (["store", "prune", "--keep", "much"], "--keep: must be a size such as 500MB or 5GB, but got much"),
    "negative age": (["store", "prune", "--older-than", "-1"], "older-than"),
}


def test_bad_input_exits_2_with_one_sentence_and_writes_nothing(lab, monkeypatch, capsys):
    """In this process; the first as one of its own, too."""
    (lab.folder / "letter.txt").write_text("Dear reader, ...")
    (lab.folder / "people.csv").write_text("name,age\nsomeone,36\n")
    (lab.folder / "empty.csv").write_text("")
    (lab.folder / "fake.parquet").write_text("PAR1")
    before = lab.files()
    monkeypatch.chdir(lab.folder)
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(lab.store))
    wrong = {}
    for name, (words, sentence) in BAD.items():
        try:
            code: object = main(words)
        except SystemExit as left:
            code = left.code
        out, err = capsys.readouterr()
        fine = code == 2 and out == "" and err.count("\n") == 1 and sentence in err
        if not fine or lab.files() != before:
            wrong[name] = (code, out, err)
    assert not wrong
    assert lab("run", "vanishing", "depht=3", code=2)[1].count("\n") == 1


def test_every_fault_gets_its_own_sentence_and_the_old_file_stays(lab):
    old = lab.folder / "a.csv"
    old.write_bytes(b"precious\n")
    out, err = lab("run", "vanishing", "depth=0", "widht=3", "activation=tahn", *INLINE, "--out", "a.csv", code=2)
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["depth:", "unknown", "activation:"]
    assert lab.files() == {"a.csv": b"precious\n"}


def test_a_frame_with_rows_missing_is_diagnosed_as_such(filled):
    lines = (filled.folder / "sick.csv").read_text().splitlines(keepends=True)
    (filled.folder / "filtered.csv").write_text("".join(lines[:7] + lines[8:]))
    out, err = filled("diagnose", "filtered.csv", "--findings", "filtered.json", code=2)
    assert (out, err.count("\n")) == ("", 1)
    assert "lacks rows of some runs" in err
    assert not (filled.folder / "filtered.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "where"), [(signal.SIGTERM, INLINE), (signal.SIGINT, ["--workers", "2"])], ids=["SIGTERM", "Ctrl-C"]
)
def test_an_interrupted_run_exits_130_and_the_same_command_goes_on_from_there(lab, number, where):
    words = ["run", "vanishing", *LONG, *where, "--out", "a.csv"]
    process = lab.start(*words, start_new_session=True)
    deadline = time.monotonic() + PATIENCE
    while lab.rows() == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing was computed"
        time.sleep(0.05)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: to the workers as well
    else:
        process.send_signal(number)
    out, err = (text.decode() for text in process.communicate(timeout=PATIENCE))
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert err.endswith("interrupted; finished runs are kept, the same command goes on from there\n")
    assert not lab.files()
    with pytest.raises(ProcessLookupError):
        wait_for_the_group_to_end(process.pid)
    kept = lab.rows()
    assert 0 < kept < LONG_RUNS
    _, err = lab(*words)
    assert f"{LONG_RUNS} of {LONG_RUNS} runs: {kept} from the store, {LONG_RUNS - kept} computed in " in err
    assert pd.read_csv(lab.folder / "a.csv", usecols=["run"])["run"].nunique() == LONG_RUNS


def wait_for_the_group_to_end(group: int) -> None:
    """Raises ProcessLookupError once no process of the group is left."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_and_other_processes_on_the_same_store_never_change_the_file(tmp_path):
    words = ["run", "vanishing", "depth=2:6", "width=33", "activation=tanh,relu", "batch_size=1,17", "seeds=5"]
    written = []
    for name, where in (("one", ["--workers", "1"]), ("two", ["--workers", "2"])):
        (tmp_path / name).mkdir()
        lab = Lab(tmp_path / name)
        lab(*words, *where, "--out", "a.csv")
        written.append((lab.folder / "a.csv").read_bytes())
    (tmp_path / "both").mkdir()
    lab = Lab(tmp_path / "both")
    both = [lab.start(*words, *INLINE, "--out", name) for name in ("a.csv", "b.csv")]
    for process in both:
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    written += [(lab.folder / name).read_bytes() for name in ("a.csv", "b.csv")]
    assert lab.rows() == 4 * 2 * 2 * 5
    assert len(written[0].splitlines()) == 1 + 4 * 5 * sum(range(2, 6))
    assert [data == written[0] for data in written] == [True] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["list"], ["show", "vanishing"], ["--help"], ["store", "list"], ["store", "export", "vanishing"],
     ["run", "vanishing", *SMALL, *INLINE, "--quiet"], ["diagnose", "sick.csv"]],
    ids=lambda words: words[0] if len(words) == 1 else " ".join(words[:2]),
)  # fmt: skip
def test_a_closed_pipe_gives_no_traceback(filled, words):
    process = filled.start(*words)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    process.wait(PATIENCE)
    assert err == ""


@pytest.mark.slow
def test_head_gets_its_line_of_a_long_table_and_nobody_complains(lab):
    words = f"{sys.executable} -m core run vanishing depth=20 seeds=200 --executor inline --quiet | head -1"
    done = subprocess.run(["bash", "-c", words], cwd=lab.folder, env=lab.environment, capture_output=True, text=True)
    assert done.stdout == ",".join(core.experiment("vanishing").columns) + "\n"
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("words", [["list"], ["code", "vanishing"], ["run", "vanishing", *SMALL, *INLINE, "--quiet"]])
def test_an_output_that_is_full_gets_one_sentence(lab, words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "core", *words],
            cwd=lab.folder,
            env=lab.environment,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 1
    assert done.stderr == b"the output could not be written (No space left on device)\n"


class Hesitant(io.RawIOBase):
    """An output that takes ten bytes at a time, as an unbuffered one may."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.taken += bytes(data[:10])
        return min(10, len(data))


def test_an_unbuffered_output_gets_all_of_it(monkeypatch, tmp_path):
    output = Hesitant()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, write_through=True))
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    assert main(["run", "vanishing", *SMALL, *INLINE, "--quiet"]) == 0
    assert len(output.taken.splitlines()) == 1 + 3 * (2 + 3)
    assert output.taken.endswith(b"\n")


def test_the_default_store_lies_below_the_current_folder(lab):
    del lab.environment["GRADIENT_LAB_STORE"]
    lab("store", "list")
    with contextlib.closing(sqlite3.connect(lab.folder / ".gradient_lab" / "results.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
