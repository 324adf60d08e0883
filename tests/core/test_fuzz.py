"""Anything at all as input: a sentence of ours or a result, never a traceback, a hang or a flood of memory.

Every kind draws its inputs from a seed; ``INPUTS`` says how many the long check makes of each.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import random
import re
import resource
import shutil
import signal
import sqlite3
import string
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

import core
from core import logs
from core.__main__ import main
from core.diagnosis.judge import judge
from core.logs.content import Content
from core.parts import csv_files, own_data
from core.recorder import recordings
from core.sweeps import range_length
from tests.core.logs import made
from tests.core.logs.test_mutations import MUTATIONS
from tests.core.parts.test_tables_read import TABLES

ROOT = Path(__file__).resolve().parents[2]
GIVE_UP = 60  # seconds after which an input is said to hang; none takes as long
MEMORY = 3e9  # bytes that this process never needs
FOREIGN = re.compile(
    r"Traceback|identically-labeled|could not convert|invalid literal|unhashable|NoneType|has no attribute|unsupported operand|"
    r"positional indexer|out of bounds|could not be broadcast|truth value|not in index|cannot be|Cannot |nan% |inf% |object is not|codec can't|"
    r"DataFrame|Series|ndarray|argument must be"
)
ODD = ["", " ", "nan", "-inf", "1e999", "-0", "0x10", "1_000", "٣", "１２", "é", "\u202e", "\x00", "\n", "None", "True", "()", "[]",
       "9" * 40, "9" * 5000, "1e-400", "=cmd|' /C calc'!A0", "<b>", "$x$", "(", ")", ",", "=", '"', "'", "a=1", ":", "1:", ":1:", "{}"]  # fmt: skip


@functools.cache
def frames() -> dict[str, pd.DataFrame]:
    """A small frame of every experiment."""
    examples = {name: importlib.import_module(f"tests.core.experiments.{name}.examples").SMALL for name in core.NAMES}
    return {name: core.run(name, executor="inline", **small) for name, small in examples.items()}


@pytest.fixture(autouse=True, scope="module")
def _store(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIENT_LAB_STORE", str(tmp_path_factory.mktemp("fuzz") / "results.sqlite"))
        yield


def mutated(text: str, draw: random.Random) -> str:
    """The text with pieces taken out, doubled, swapped or replaced."""
    for _ in range(draw.randint(0, 3)):
        at, end = sorted((draw.randint(0, len(text)), draw.randint(0, len(text))))
        piece = draw.choice(
            ["", text[at:end] * 2, draw.choice(ODD), "".join(draw.choices(string.printable, k=draw.randint(1, 6)))]
        )
        text = text[:at] + piece + text[end:]
    return text if draw.random() > 0.001 else text * draw.randint(1, 2_000)


def part_text(draw: random.Random) -> None:
    """A part's text form: refused in a sentence, or canonical after one reading."""
    registry = draw.choice(list(core.REGISTRIES.values()))
    entry = draw.choice(list(registry))
    arguments = [f"{a.name}={draw.choice([a.default, draw.random(), draw.randint(-2, 9), draw.choice(ODD)])}"
                 for a in entry.arguments if draw.random() < 0.6]  # fmt: skip
    text = mutated(f"{entry.name}({', '.join(arguments)})" if arguments else entry.name, draw)
    part = str(registry.parse(text))
    assert str(registry.parse(part)) == part


def settings_fields(draw: random.Random) -> None:
    """A link's or command's fields: refused, or a sweep whose link is read back as the same."""
    kind = core.experiment(draw.choice(core.NAMES))
    defaults = {**kind.settings.defaults(), "seeds": 2}
    names = draw.sample(list(defaults), k=draw.randint(0, 4))
    texts = [*(str(value) for value in defaults.values()), "1:1000", "2,3", "0:99999999999", *ODD]
    texts += [text for preset in kind.presets for text in preset.settings.values()]
    fields = {mutated(name, draw) if draw.random() < 0.1 else name: mutated(
        draw.choice([str(defaults[name]), draw.choice(texts)]), draw) for name in names}  # fmt: skip
    sweep = kind.sweep(fields)
    if core.too_large(sweep) is None and sweep.size < 500:
        assert kind.sweep(sweep.link()).key == sweep.key
        assert sweep.text()
        assert len(sweep.ids) == len(set(sweep.ids)) <= sweep.size
    else:
        assert sweep.size == np.prod([range_length(values) for values in sweep.axes.values()], dtype=object) * len(
            sweep.seeds
        ) or range_length(sweep.seeds)


def link(draw: random.Random) -> None:
    """What stands behind the ? of a link, taken apart as a browser's."""
    kind = core.experiment(draw.choice(core.NAMES))
    preset = draw.choice(kind.presets).settings
    query = mutated("&".join(f"{name}={text}" for name, text in preset.items()), draw)
    sweep = kind.sweep(dict(parse_qsl(query, keep_blank_values=True)))
    assert core.too_large(sweep) is not None or len(sweep.points) <= sweep.size


def csv_table(draw: random.Random) -> None:
    """Somebody's table: read as far as it is one, or refused."""
    content, *_ = TABLES[draw.choice(sorted(TABLES))]
    data = content.encode() if isinstance(content, str) else content
    data = damaged(b"".join(data.splitlines(True)[: draw.randint(1, 60)]), draw)
    cells = csv_files.parsed("made.csv", data, draw.choice(["auto", "yes", "no"]))
    own = own_data.sheet_of(
        "made.csv", cells, draw.choice([*cells.header, "y"]), draw.choice(["auto", "classes", "number", "log"])
    )
    assert len(own.inputs) == own.rows == len(own.labels)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The bytes with some cut out, flipped, doubled or replaced by odd cells."""
    for _ in range(draw.randint(0, 4)):
        at, end = sorted((draw.randint(0, len(data)), draw.randint(0, len(data))))
        piece = draw.choice(
            [b"", data[at:end] * 2, draw.choice(ODD).encode(), draw.randbytes(draw.randint(1, 9)), b",", b"\n"]
        )
        data = data[:at] + piece + (data[end:] if draw.random() < 0.5 else data[at:])
    return data


def log(draw: random.Random) -> None:
    """Another tool's log: a verdict, or a sentence."""
    data = draw.choice(MUTATIONS)(made.FORMATS[draw.choice(sorted(made.FORMATS))], draw)
    for trace in logs.read_content(Content(damaged(data, draw) if draw.random() < 0.5 else data, "spoiled")):
        assert not [f for f in judge(trace) if FOREIGN.search(f.message)]


SCRIPT = """
import torch
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5)
for step in range(12):
    optimizer.zero_grad()
    loss = ((net(torch.randn(16, 4)) - 1.0) ** 2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    schedule.step()
"""


@functools.cache
def recording() -> str:
    """A recording of a small training, as watch writes it."""
    folder = Path(core.default_path()).parent
    (folder / "train.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "-m", "core", "watch", "--record", "small", str(folder / "train.py")], check=True, cwd=ROOT,
                   capture_output=True)  # fmt: skip
    return (recordings.folder() / f"small{recordings.SUFFIX}").read_text()


def watched(draw: random.Random) -> None:
    """A recording that something has spoiled: drawn as far as it goes, or a sentence."""
    text = recording()
    path = recordings.folder() / f"spoiled{recordings.SUFFIX}"
    if draw.random() < 0.5:
        text = re.sub(
            r"-?\d+(\.\d+)?|true|null",
            lambda f: draw.choice([f[0]] * 20 + ["null", '"x"', "1e999", "[]", "{}", "-1", "9" * 30]),
            text,
        )
    data = damaged(text.encode(), draw) if draw.random() < 0.7 else text.encode()
    path.write_bytes(data)
    trace = core.open_recording("spoiled")
    findings = core.findings_of(trace)
    assert not [finding for finding in findings if FOREIGN.search(finding.message)]
    core.verdict_of(trace, findings)
    core.typical_steps(trace)
    core.steps_csv(trace)


def frame(draw: random.Random) -> None:
    """A frame of ours that a spreadsheet or a script has changed: findings, or a sentence."""
    name = draw.choice(core.NAMES)
    changed = changed_frame(frames()[name], draw)
    for finding in core.findings(changed):
        assert not FOREIGN.search(finding.message), finding.message
    with contextlib.suppress(ValueError):
        core.summary(changed)


def changed_frame(table: pd.DataFrame, draw: random.Random) -> pd.DataFrame:
    """The frame with rows lost, doubled, shuffled, and cells and columns changed."""
    table = table.copy()
    state = np.random.RandomState(draw.randrange(2**31))
    for _ in range(draw.randint(1, 3)):
        column = draw.choice(list(table.columns))
        rows = table.sample(frac=draw.random(), random_state=state).index if len(table) else table.index
        value = draw.choice(
            [np.nan, np.inf, -np.inf, 0, -1, 1e308, -1e308, 1e-320, "", "x", None, True, 10**400, "9" * 400, 2**63, 0.5]
        )
        act = draw.randint(0, 9)
        if act == 0:
            table = table.loc[sorted(rows)]
        elif act == 1:
            table = table.sample(frac=1, random_state=state)
        elif act == 2:
            table = pd.concat([table, table.loc[rows]])
        elif act == 3:
            table = table.head(draw.randint(0, 5))
        elif act == 4:
            table = table.drop(columns=column)
        elif act in (5, 6):
            table = table.reset_index(drop=True)
            table[column] = table[column].astype(object)
            table.loc[state.rand(len(table)) < draw.random(), column] = value
        elif act == 7:
            table[column] = [value] * len(table)
        elif act == 8:
            table[column] = table[column].astype(str)
        else:
            table = table.rename(columns={column: draw.choice(list(table.columns))})
    return table


def written_frame(draw: random.Random) -> None:
    """The same from a file, by the command, and by store import."""
    table = changed_frame(frames()[draw.choice(core.NAMES)], draw)
    path = Path(core.default_path()).parent / "changed.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        damaged(table.to_csv(index=False).encode(), draw) if draw.random() < 0.3 else table.to_csv(index=False).encode()
    )
    words = draw.choice([["diagnose", str(path)], ["store", "import", str(path)]])
    run_command(words)


def run_command(words: list[str]) -> None:
    """A command in this process: exit code 0, 1 or 2, and sentences of ours."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code in (0, 1, 2)
    assert code or not err.getvalue() or "damaged" in err.getvalue()
    assert not FOREIGN.search(err.getvalue()), err.getvalue()


@functools.cache
def filled_store() -> Path:
    """A store with runs of two experiments, two sweeps and a label."""
    path = Path(core.default_path()).parent / "filled" / "results.sqlite"
    core.run("vanishing", depth=[2, 3], width=4, seeds=5, executor="inline", store=str(path))
    core.run("backprop", hidden=2, epochs=5, seeds=3, executor="inline", store=str(path))
    store = core.Store(path)
    core.put_label(store.sweeps()[0].key, core.Label("Mine", "note", True), store)
    store.settle()
    store.close()
    return path


def stored_rows(draw: random.Random) -> None:
    """A store in which somebody, or a fault, has changed cells or bytes: nothing false is served."""
    folder = filled_store().parent.parent / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "results.sqlite"
    shutil.copyfile(filled_store(), path)
    if draw.random() < 0.5:
        data = bytearray(path.read_bytes())
        for _ in range(draw.randint(1, 20)):
            at = draw.randrange(0 if draw.random() < 0.1 else 4096, len(data))
            noise = draw.choice([bytes([draw.randrange(256)]), draw.randbytes(50), bytes(4096), b"\xff" * 4096])
            data[at : at + len(noise)] = noise[: len(data) - at]
        path.write_bytes(data)
    else:
        tables = {"runs": ["experiment", "settings", "seed", "device", "versions", "seconds", "created", "checksum", "frame", "id"],
                  "sweeps": ["key", "experiment", "link", "runs", "created"], "labels": ["name", "note", "starred", "link"]}  # fmt: skip
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for _ in range(draw.randint(1, 4)):
                table = draw.choice(list(tables))
                column = draw.choice(tables[table])
                old = connection.execute(f"SELECT {column} FROM {table} ORDER BY random() LIMIT 1").fetchone()[0]
                value = draw.choice([*ODD, b"\xff\x00", -1, 10**18, 1e308, float("inf"), "[1]", '{"a": 1}', '{"depth": [1]}', "[" * 5000,
                                     '{"seeds": "9000000000000000000"}', '{"depth": "1:1000", "width": "1:1000"}',
                                     mutated(old, draw) if isinstance(old, str) else 3])  # fmt: skip
                with contextlib.suppress(sqlite3.Error), connection:
                    connection.execute(f"UPDATE OR IGNORE {table} SET {column}=? WHERE rowid % 2 = 0" if table != "runs"
                                       else f"UPDATE OR IGNORE {table} SET {column}=? WHERE id < '8'", (value,))  # fmt: skip
    run_command([*draw.choice([["store", "list"], ["store", "verify"], ["store", "export", "vanishing"], ["store", "prune"],
                               ["run", "vanishing", "depth=2,3", "width=4", "seeds=5", "--dry-run"]]), "--store", str(path)])  # fmt: skip
    with contextlib.suppress(ValueError), contextlib.closing(core.Store(path)) as store:
        truth = dict(truths())
        served = store.find(list(truth), by_anyone=True).frames
        assert all(truth[id] == frame for id, frame in served.items())


@functools.cache
def truths() -> tuple[tuple[str, bytes], ...]:
    """The frames of the filled store by id, as they went in."""
    with contextlib.closing(core.Store(filled_store())) as store:
        return tuple(store.select("SELECT id, frame FROM runs"))


# kind -> (what makes and tries one input, how many the long check makes)
INPUTS: dict[str, tuple[Callable[[random.Random], None], int]] = {
    "parts": (part_text, 40_000),
    "settings": (settings_fields, 25_000),
    "links": (link, 10_000),
    "tables": (csv_table, 12_000),
    "logs": (log, 8_000),
    "recordings": (watched, 4_000),
    "frames": (frame, 2_500),
    "written frames": (written_frame, 800),
    "store rows": (stored_rows, 1_200),
}


def tried(kind: str, count: int, seed: int) -> tuple[int, list[str]]:
    """How many of so many inputs were accepted, and what is wrong with those that got no sentence of ours."""
    accepted, wrong = 0, []
    for number in range(count):
        draw = random.Random(f"{kind} {seed} {number}")
        with given_up():
            try:
                INPUTS[kind][0](draw)
                accepted += 1
            except ValueError as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                ours = Path(where.filename).is_relative_to(ROOT / "core") and not FOREIGN.search(str(error))
                if not ours or len(str(error)) > 3_000:
                    wrong.append(f"{kind} {number}: {where.filename}:{where.lineno}: {str(error)[:300]!r}")
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-3:]
                places = " < ".join(
                    f"{place.filename.removeprefix(str(ROOT))}:{place.lineno}" for place in reversed(last)
                )
                wrong.append(f"{kind} {number}: {type(error).__name__}: {str(error)[:300]} at {places}")
    return accepted, wrong


@contextlib.contextmanager
def given_up() -> Iterator[None]:
    """Ends what takes longer than anything should."""

    def stop(number: int, frame: object) -> None:
        raise RuntimeError(f"no answer within {GIVE_UP} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(GIVE_UP)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", INPUTS)
def test_any_input_gets_a_result_or_a_sentence(kind):
    accepted, wrong = tried(kind, 8 if INPUTS[kind][1] < 5_000 else 60, seed=0)
    assert wrong == []
    assert accepted > 0


@pytest.mark.long
@pytest.mark.parametrize("kind", INPUTS)
def test_a_hundred_thousand_inputs_get_a_result_or_a_sentence(kind, capsys):
    accepted, wrong = tried(kind, INPUTS[kind][1], seed=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with capsys.disabled():
        print(
            f"\n{kind}: {INPUTS[kind][1]:,} inputs, {accepted:,} accepted, {len(wrong)} wrong; peak {peak / 1e6:,.0f} MB"
        )
    assert wrong == []
    assert peak < MEMORY
