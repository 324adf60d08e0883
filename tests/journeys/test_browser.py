"""A person at a real browser, against a real server: cold deep links, a sweep, its chart, its CSV."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import core
from tests.core.parts.test_own_data import houses

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
SMALL = "/Vanishing_gradients?depth=6&activation=tanh&width=16&batch_size=4&loss=projection&seeds=12"
LARGE = "/Vanishing_gradients?depth=40&activation=tanh,relu&width=128&batch_size=128&loss=projection&seeds=500"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Debian's chromium"),
]


@contextmanager
def serving(folder):
    """A server with a store of its own: its address, process and folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIENT_LAB_STORE": str(folder / "store.sqlite")}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    yield address, process, folder
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server of all tests but those that end it."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def page(server):
    """A browser page that remembers what went wrong: console errors and warnings, requests to anywhere else."""
    from playwright.sync_api import sync_playwright

    address = server[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM or "/usr/bin/chromium", args=FLAGS.split())
        page = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True).new_page()
        page.wrong = []

        def console(message):
            # a cold deep link makes Streamlit itself ask twice for what is not there
            expected = "404" in message.text and "_stcore" in message.location.get("url", "")
            if (message.type == "error" and not expected) or message.text.startswith("WARN"):
                page.wrong.append(message.text)

        def request(asked):
            if not asked.url.startswith((address, address.replace("http", "ws"), "data:", "blob:")):
                page.wrong.append(asked.url)

        page.on("console", console)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", request)
        yield page
        browser.close()


def open_page(page, server, path):
    page.goto(f"{server[0]}{path}")


@pytest.mark.parametrize(
    ("path", "title"), [("/", "Gradient Lab"), ("/Vanishing_gradients", "Vanishing gradients"), ("/Results", "Results")]
)
def test_every_page_opens_by_a_cold_deep_link_with_the_list_of_pages(server, page, path, title):
    open_page(page, server, path)
    page.get_by_role("heading", name=title, exact=True).wait_for(timeout=30_000)
    for name in ("Home", "Vanishing gradients", "Results"):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name).first.wait_for()
    page.wait_for_timeout(1500)
    assert page.wrong == []


def test_a_sweep_goes_from_the_link_to_the_chart_to_the_csv(server, page, tmp_path):
    open_page(page, server, SMALL)
    page.get_by_text("12 runs, all in the store").wait_for(timeout=60_000)
    page.get_by_text("Dashed grey: theory").first.wait_for()
    page.locator("[data-testid=stVegaLiteChart] svg, [data-testid=stVegaLiteChart] canvas").nth(2).wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "frame.csv")
    frame = pd.read_csv(tmp_path / "frame.csv")
    own = core.run(
        "vanishing", depth=6, width=16, batch_size=4, loss="projection", seeds=12,
        store=str(tmp_path / "own.sqlite"), executor="inline",
    )  # fmt: skip
    assert list(frame.columns) == list(own.columns)
    assert frame["run"].tolist() == own["run"].tolist()
    np.testing.assert_array_equal(frame["grad_rms"], own["grad_rms"])
    assert page.wrong == []


def test_who_knows_no_code_goes_from_home_to_a_solved_xor_and_sees_why_zeros_fail(server, page):
    open_page(page, server, "/")
    page.get_by_role("link", name="Watch a network learn XOR").click()
    page.get_by_text("At epoch 0, 2 of 4 examples are right").wait_for(timeout=60_000)
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("End")
    page.get_by_text("At epoch 1,000, 4 of 4 examples are right").wait_for(timeout=30_000)
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_text("2 of 13 · → forward · Bend").wait_for()
    page.get_by_text("Every gradient, three ways").click()
    page.get_by_text("Largest difference to autograd").wait_for()
    open_page(page, server, "/Backprop_by_hand?init=zeros")
    page.get_by_text("all weights start at zero").wait_for(timeout=60_000)
    page.get_by_text("Every gradient is zero: nothing will change").wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    assert page.wrong == []


def test_the_film_plays_by_itself(server, page):
    open_page(page, server, "/Backprop_by_hand?epochs=2")
    page.get_by_text("At epoch 0,").wait_for(timeout=60_000)
    page.get_by_role("button", name="Play").click()
    page.get_by_text("At epoch 2,").wait_for(timeout=90_000)
    page.get_by_role("button", name="Play").wait_for(timeout=60_000)
    assert page.wrong == []


def test_a_report_opens_offline_with_its_charts_alive_and_asks_for_nothing(server, page, tmp_path):
    open_page(page, server, SMALL)
    page.get_by_text("12 runs, all in the store").wait_for(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    alone = page.context.browser.new_context(offline=True).new_page()
    asked, wrong = [], []
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("console", lambda message: wrong.append(message.text))
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.goto(file.as_uri())
    alone.locator("[data-chart] .marks").nth(2).wait_for(timeout=30_000)
    assert alone.get_by_text("Findings").first.is_visible()
    assert (asked, wrong) == ([file.as_uri()], [])


def test_a_map_of_two_settings_is_drawn(server, page):
    open_page(page, server, "/Vanishing_gradients?depth=4&activation=tanh,relu,gelu&init=lesson,xavier_normal&seeds=3")
    page.get_by_text("18 runs, all in the store").wait_for(timeout=60_000)
    page.get_by_text("Gradients hold best with").wait_for()
    page.wait_for_timeout(1500)
    assert page.wrong == []


def test_a_large_sweep_shows_progress_survives_a_reload_and_is_cancelled(server, page):
    open_page(page, server, LARGE)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("of 1,000 runs, about").wait_for(timeout=60_000)
    page.reload()
    page.get_by_text("of 1,000 runs").first.wait_for(timeout=30_000)
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    cancel.wait_for()
    cancel.click()
    page.get_by_text("Cancelled: what is finished is kept").wait_for(timeout=60_000)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("1,000 runs, all in the store").wait_for(timeout=120_000)
    assert page.wrong == []


def test_the_server_never_loads_torch_and_takes_its_workers_along_when_killed(tmp_path, page):
    with serving(tmp_path) as server:
        open_page(page, server, SMALL)
        page.get_by_text("12 runs, all in the store").wait_for(timeout=60_000)
        process = server[1]
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        workers = descendants(process.pid)
        assert any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in workers)
        process.kill()
        process.wait()
        for _ in range(100):
            if not any(alive(pid) for pid in workers):
                break
            time.sleep(0.1)
        assert [pid for pid in workers if alive(pid)] == []


def test_an_upload_is_trained_on_and_the_server_still_loads_no_torch(server, page, tmp_path):
    houses().to_csv(tmp_path / "houses.csv", index=False)
    open_page(page, server, "/Schedulers?scheduler=one_cycle,constant&epochs=8&width=8&seeds=3&batch_size=64")
    page.get_by_text("6 runs, all in the store").wait_for(timeout=120_000)
    page.get_by_text("Your own data (CSV)").click()
    page.set_input_files("input[type=file]", tmp_path / "houses.csv")
    page.get_by_role("combobox", name="Column to predict").click()
    page.keyboard.type("condition")
    page.get_by_role("option", name="condition class").click()
    page.get_by_text("To beat: an accuracy of").wait_for()
    page.get_by_role("button", name="Use this data").click()
    page.get_by_role("button", name="In use").wait_for()
    page.wait_for_function("location.href.includes('condition')")
    page.get_by_text("6 runs, all in the store").wait_for(timeout=120_000)
    page.get_by_test_id("stButtonGroup").get_by_text("Training", exact=True).first.click()
    page.get_by_text("in the right class").first.wait_for(timeout=120_000)
    assert [path.name[:7] for path in (server[2] / "data").glob("*.csv")] == ["houses-"]
    assert "libtorch" not in Path(f"/proc/{server[1].pid}/maps").read_text()
    assert page.wrong == []


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    direct = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    assert children.exists()
    return direct + [grandchild for child in direct for grandchild in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text().split("State:")[1].split("\n")[0]
    except OSError:
        return False
