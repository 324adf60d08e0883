"""How a server holds many people: python -m tests.benchmarks.load --clients 50 --seconds 120

Each client is a browser as the server sees one: a websocket on which a page is asked for, then another setting every ten
seconds, while fragments poll as the page tells them to. Half of what they ask for is the same for all. Prints how long a
page took from asking to its end, the runs that were computed beside those that differ, and the server's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

import core

ROOT = Path(__file__).parents[2]
PAGE = "Vanishing_gradients"
SHARED = [f"depth={depth}&activation=tanh,relu&seeds=10" for depth in range(4, 16)]


class Client:
    """One person: asks, reads until the page has ended, and lets the page's fragments poll meanwhile."""

    def __init__(self, port: int, number: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.random = random.Random(number)
        self.seconds: list[float] = []
        self.asked: set[str] = set()
        self.polls: dict[str, asyncio.Task[None]] = {}
        self.page = ""  # as the server calls it

    async def live(self, until: float, pause: float) -> None:
        """Changes a setting every ``pause`` seconds until the clock says ``until``."""
        address = self.address.replace("http", "ws") + "/_stcore/stream"
        self.socket: WebSocketClientConnection = await websocket_connect(
            HTTPRequest(address, headers={"Origin": self.address}), subprotocols=["streamlit"]
        )
        await asyncio.sleep(self.random.uniform(0, pause))
        while time.monotonic() < until:
            query = self.random.choice(SHARED)
            if self.random.random() < 0.5:
                query = f"depth={self.random.randint(2, 30)}&width={self.random.randint(4, 64)}&seeds=10"
            self.asked.add(query)
            started = time.monotonic()
            await self.ask(query)
            await asyncio.wait_for(self.until_finished(), 120)
            self.seconds.append(time.monotonic() - started)
            rest = asyncio.create_task(self.until_finished())  # what polls bring is read, too
            await asyncio.wait({rest}, timeout=max(0.0, started + pause - time.monotonic()))
            rest.cancel()
        for poll in self.polls.values():
            poll.cancel()
        self.socket.close()

    async def ask(self, query: str) -> None:
        """Asks for the page with another query."""
        for poll in self.polls.values():
            poll.cancel()
        self.polls.clear()
        message = BackMsg()
        message.rerun_script.page_name = PAGE
        message.rerun_script.query_string = query
        await self.socket.write_message(message.SerializeToString(), binary=True)

    async def until_finished(self) -> None:
        """Reads until the script has run to its end."""
        while True:
            read = await self.socket.read_message()
            if read is None:
                raise ConnectionError("the server closed the connection")
            message = ForwardMsg()
            message.ParseFromString(read if isinstance(read, bytes) else read.encode())
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page = message.new_session.page_script_hash
            if kind == "auto_rerun" and message.auto_rerun.fragment_id not in self.polls:
                self.polls[message.auto_rerun.fragment_id] = asyncio.create_task(self.poll(message))
            if kind == "stop_auto_rerun" and message.stop_auto_rerun.fragment_id in self.polls:
                self.polls.pop(message.stop_auto_rerun.fragment_id).cancel()
            if kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return

    async def poll(self, told: ForwardMsg) -> None:
        """Runs a fragment again and again, as a browser does."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.page  # else a fragment that asks for the whole page gets Home
        message.rerun_script.fragment_id = told.auto_rerun.fragment_id
        message.rerun_script.is_auto_rerun = True
        while True:
            await asyncio.sleep(told.auto_rerun.interval)
            await self.socket.write_message(message.SerializeToString(), binary=True)


async def crowd(port: int, count: int, seconds: float, pause: float) -> list[Client]:
    """So many clients at once."""
    clients = [Client(port, number) for number in range(count)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(client.live(until, pause) for client in clients))
    return clients


def serve(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server with a store of its own, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)]
    environment = {**os.environ, "GRADIENT_LAB_STORE": str(folder / "store.sqlite")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    while process.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    return process, port


def memory(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Megabytes of the server, and of its workers."""
    server = psutil.Process(process.pid)
    workers = sum(child.memory_info().rss for child in server.children(recursive=True))
    return server.memory_info().rss / 1e6, workers / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pause", type=float, default=10.0, help="seconds from one change to the next")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        process, port = serve(Path(name))
        try:
            asyncio.run(crowd(port, 1, 1.0, 1.0))  # the first visit loads what all visits need
            before = memory(process)
            clients = asyncio.run(crowd(port, asked.clients, asked.seconds, asked.pause))
            after = memory(process)
            seconds = sorted(value for client in clients for value in client.seconds)
            tail = seconds[int(0.9 * (len(seconds) - 1))]
            print(f"{len(seconds)} pages: median {statistics.median(seconds):.2f} s, nine tenths below {tail:.2f} s")
            print(f"server {before[0]:.0f} to {after[0]:.0f} MB, workers {before[1]:.0f} to {after[1]:.0f} MB")
            kind = core.experiment("vanishing")
            queries = set().union(*(client.asked for client in clients))
            links = [dict(pair.split("=") for pair in query.split("&")) for query in queries]
            runs = {id for link in links for id in kind.sweep(link).ids}
            with closing(core.Store(Path(name) / "store.sqlite")) as store:
                print(
                    f"{len(queries)} different sweeps, {len(runs):,} different runs, {store.count(runs):,} of them kept"
                )
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
