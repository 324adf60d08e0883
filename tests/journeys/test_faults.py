"""Whatever is killed, whenever: nothing finished is lost, nothing false is served, no half file, no process left behind.

The moments are drawn from a fixed seed; they are told by what has happened (workers have started, so many rows are there),
so that a fast machine and a slow one are struck alike. Only processes that were started here are ended.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from core.store import Store, is_whole
from tests.journeys.test_command_line import INLINE, PATIENCE, ROOT, Lab

SWEEP = {"depth": "12", "width": "48", "batch_size": "100:140", "seeds": "3"}  # 40 tasks
ASKED = ["run", "vanishing", *(f"{name}={text}" for name, text in SWEEP.items())]
WORDS = [*ASKED, "--workers", "2"]
LINK = "&".join(f"{name}={text}" for name, text in SWEEP.items())
RUNS = 120
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
LAST_WORDS = "interrupted; finished runs are kept, the same command goes on from there\n"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, bytes], bytes]:
    """The sweep's frames by id, and its CSV, as no fault has touched them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lab = Lab(folder)
    lab(*WORDS, "--out", "a.csv")
    with closing(Store(lab.store)) as store:
        return dict(store.select("SELECT id, frame FROM runs")), (folder / "a.csv").read_bytes()


class Faults:
    """Kills in one lab, one after the other, and what is demanded after each."""

    def __init__(self, folder: Path, seed: int, undisturbed: tuple[dict[str, bytes], bytes]) -> None:
        self.lab = Lab(folder)
        self.draw = random.Random(seed)
        self.frames, self.csv = undisturbed
        self.there: set[str] = set()
        self.counts: collections.Counter[str] = collections.Counter()
        self.slowest = 0.0  # seconds until a killed one's processes were gone; told, never demanded

    def wait_for_a_moment(self, process: subprocess.Popen) -> None:
        """Waits for a moment of the command's life: soon after its start, once workers are there, or after so many rows."""
        kind, part = self.draw.choice(("start", "workers", "rows")), self.draw.random()
        deadline = time.monotonic() + PATIENCE
        wanted = self.lab.rows() + 1 + int(part * 30)
        if kind == "start":
            time.sleep(0.6 * part)
            return
        while process.poll() is None and time.monotonic() < deadline:
            if kind == "workers" and workers(process):
                time.sleep(part)
                return
            if kind == "rows" and self.lab.rows() >= wanted:
                return
            time.sleep(0.02)

    def round(self) -> None:
        """One command, in which a worker is killed, perhaps, and then the command, perhaps; and what is demanded after."""
        process = self.lab.start(*WORDS, "--out", "a.csv", start_new_session=True)
        for _ in range(self.draw.choice((0, 1, 1, 2))):
            self.wait_for_a_moment(process)
            self.kill_a_worker(process)
        if self.draw.random() < 0.75:
            self.wait_for_a_moment(process)
            self.kill(process)
        began = time.monotonic()
        out, err = (text.decode() for text in process.communicate(timeout=PATIENCE))
        wait_until_gone(process.pid)
        code = process.returncode
        if code not in (0, 1):
            self.slowest = max(self.slowest, time.monotonic() - began)
        if "init_import_site" in err:  # Ctrl-C within Python's own start, before a line of ours
            self.counts["before our first line"] += 1
            self.demand(finished=False)
            return
        assert code in (0, 130, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL, 1), (code, err)
        killed_early = (
            code == -signal.SIGKILL and "failed with traceback" in out
        )  # loky's words, of a worker half started
        assert out == "" or killed_early, out
        if code == 130:
            assert err.endswith(LAST_WORDS), err
        elif code == 1:  # three workers in a row were killed
            assert "a worker process was killed 3 times on the same task" in err, err
        assert "Traceback" not in err, err
        self.demand(finished=code == 0)

    def kill(self, process: subprocess.Popen) -> None:
        """Ends the command: Ctrl-C goes to its workers too."""
        number = self.draw.choice(SIGNALS)
        if process.poll() is None:
            with suppress(ProcessLookupError):
                (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
                self.counts[f"command line {number.name}"] += 1

    def kill_a_worker(self, process: subprocess.Popen) -> None:
        """Ends one of its workers."""
        number = self.draw.choice(SIGNALS)
        if found := workers(process):
            with suppress(psutil.Error):
                self.draw.choice(found).send_signal(number)
                self.counts[f"worker {number.name}"] += 1

    def demand(self, finished: bool) -> None:
        """Every row is whole and true, none that was there is lost, and the file is there whole or not at all."""
        if self.lab.store.exists():
            with closing(Store(self.lab.store)) as store:
                store.check()
                rows = store.select("SELECT id, frame, checksum FROM runs")
        else:
            rows = []
        assert all(is_whole(*row) and self.frames[row[0]] == row[1] for row in rows)
        ids = {row[0] for row in rows}
        assert self.there <= ids
        self.there = ids
        files = self.lab.files()
        assert not finished or "a.csv" in files
        if "a.csv" in files:  # whole, also where the kill came between the file and the command's end
            assert files["a.csv"] == self.csv
            assert ids == self.frames.keys()
            self.counts["finished all the same"] += 1
            self.begin_anew()
        for name in files:
            assert name == "a.csv" or name.startswith(".a.csv."), name  # what a kill interrupts has another name
            (self.lab.folder / name).unlink()

    def begin_anew(self) -> None:
        """Empties the store."""
        self.there = set()
        for file in self.lab.store.parent.iterdir():
            if file.is_file():
                file.unlink()

    def end(self) -> None:
        """Undisturbed, the same command goes on to the same file."""
        _, err = self.lab(*WORDS, "--out", "a.csv")
        assert f"{RUNS} of {RUNS} runs: {len(self.there)} from the store, {RUNS - len(self.there)} computed in " in err
        self.demand(finished=True)

    @property
    def kills(self) -> int:
        """How many processes were killed so far."""
        return sum(count for what, count in self.counts.items() if "SIG" in what)


def workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The worker processes of a command or a server."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "--process-name" in child.cmdline():
                    found.append(child)
    return found


def group(leader: int) -> list[int]:
    """The processes of a group that still do something."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def wait_until_gone(leader: int) -> None:
    """Returns once no process of the group is left; fails where one stays."""
    deadline = time.monotonic() + PATIENCE
    while left := group(leader):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


class Server:
    """A dashboard of its own, with a session that has opened a link and so a sweep that runs."""

    def __init__(self, lab: Lab) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.lab = lab
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)],
            cwd=ROOT, env=lab.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.address = f"127.0.0.1:{port}"

    def open(self, page: str, query: str) -> None:
        """Opens a page, as a browser would, and leaves it once it stands."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from websockets.sync.client import connect

        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert self.process.poll() is None
                time.sleep(0.1)
        asked = BackMsg()
        asked.rerun_script.page_name, asked.rerun_script.query_string = page, query
        place = f"ws://{self.address}/_stcore/stream"
        with connect(place, subprotocols=["streamlit"], origin=f"http://{self.address}", max_size=None) as session:
            session.send(asked.SerializeToString())
            answer = ForwardMsg()
            while answer.WhichOneof("type") != "script_finished":
                answer.ParseFromString(session.recv(timeout=PATIENCE))

    def end(self, number: signal.Signals) -> None:
        """Ends it, and waits until nothing of it is left."""
        os.kill(self.process.pid, number)
        self.process.wait(PATIENCE)
        wait_until_gone(self.process.pid)


def server_round(faults: Faults) -> None:
    """A server that is killed while it computes a link's sweep; and what is demanded after."""
    server = Server(faults.lab)
    try:
        if faults.draw.random() < 0.8:
            server.open("Vanishing_gradients", LINK)
            wanted, deadline = len(faults.there) + faults.draw.randint(0, 30), time.monotonic() + PATIENCE
            while faults.lab.rows() < min(wanted, RUNS):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        else:
            time.sleep(3 * faults.draw.random())
        number = faults.draw.choice(SIGNALS)
        server.end(number)
        faults.counts[f"server {number.name}"] += 1
        faults.demand(finished=False)
        if faults.there == faults.frames.keys():
            faults.begin_anew()
    finally:
        if server.process.poll() is None:
            server.process.kill()


@pytest.mark.slow
def test_a_few_kills_lose_nothing_and_leave_nothing(tmp_path, undisturbed):
    faults = Faults(tmp_path, 17, undisturbed)
    while faults.kills < 2:
        faults.round()
    faults.end()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_hundreds_of_kills_lose_nothing_and_leave_nothing(tmp_path, undisturbed, capsys, seed):
    faults = Faults(tmp_path, seed, undisturbed)
    try:
        while faults.kills < 105:
            server_round(faults) if faults.draw.random() < 0.1 else faults.round()
        faults.end()
    finally:
        with capsys.disabled():
            print(f"\n{faults.kills} kills, processes gone after {faults.slowest:.1f} s at most:")
            print(json.dumps(dict(sorted(faults.counts.items())), indent=1))


@pytest.mark.slow
def test_two_servers_and_three_command_lines_share_a_store(tmp_path, undisturbed):
    frames, csv = undisturbed
    lab = Lab(tmp_path)
    servers = [Server(lab) for _ in range(2)]
    try:
        commands = [lab.start(*ASKED, *INLINE, "--out", f"{number}.csv") for number in range(3)]
        for server in servers:
            server.open("Vanishing_gradients", LINK)
        for command in commands:
            _, err = command.communicate(timeout=PATIENCE)
            assert command.returncode == 0, err
        deadline = time.monotonic() + PATIENCE
        while lab.rows() < RUNS:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        for server in servers:
            server.end(signal.SIGTERM)
    assert {name: data == csv for name, data in lab.files().items()} == {f"{number}.csv": True for number in range(3)}
    with closing(Store(lab.store)) as store:
        store.check()
        assert dict(store.select("SELECT id, frame FROM runs")) == frames
        assert len(store.sweeps()) == 1
