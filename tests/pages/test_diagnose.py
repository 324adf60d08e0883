"""The page Diagnose: how to record, a recording's finding first, logs, hostile names, spoiled files."""

from __future__ import annotations

import math
import os
import time

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import core
from core.diagnosis.trace import Trace
from core.recorder import recordings
from core.traces import SILENT, charts, read
from tests.pages.test_pages import _own_server, opened, seen, text_of  # noqa: F401  # the fixture is used by all

pytestmark = pytest.mark.slow  # whole pages, run and drawn

DIAGNOSE = "pages/9_Diagnose.py"
KERAS = "epoch,loss,val_loss\n" + "".join(f"{i},{math.exp(-i / 4)},{0.5 + 0.05 * i}\n" for i in range(20))


def record(name: str, zero: bool = True, steps: int = 40) -> str:
    """The name of the recording of a small training; without ``zero`` its gradients are never cleared."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(256, 4)
    y = (x[:, 0] > 0).long()
    with core.watch(name=name) as watch:
        for step in range(steps):
            rows = slice(32 * (step % 8), 32 * (step % 8) + 32)
            if zero:
                optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return watch.name


def write(name: str, text: str) -> None:
    folder = recordings.folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{recordings.SUFFIX}").write_text(text, encoding="utf-8")


def test_an_empty_store_shows_how_to_record():
    app = opened(DIAGNOSE)
    assert not app.exception
    assert "python -m core watch train.py" in text_of(app)
    assert "Keras CSVLogger" in text_of(app)
    assert not app.selectbox


def test_a_recording_shows_its_finding_first_and_then_its_charts():
    record("faulty", zero=False)
    app = opened(DIAGNOSE)
    assert not app.exception
    texts = [seen(element.value) for element in app.markdown]
    first = next(place for place, text in enumerate(texts) if "never cleared" in text)
    assert "zero_grad" in texts[first]
    assert first < next(place for place, text in enumerate(texts) if "Training loss" in text)
    assert any("Evidence: steps 40" in seen(element.value) for element in app.caption)


def test_a_sound_recording_says_so_in_the_command_lines_words(capsys):
    from core.__main__ import main

    name = record("sound")
    app = opened(DIAGNOSE)
    assert not app.exception
    assert main(["diagnose", name]) == 0
    printed = capsys.readouterr().out
    verdict = next(line for line in printed.splitlines() if line.startswith("No fault found:"))
    assert verdict in text_of(app)
    assert main(["diagnose", str(recordings.file_of(name))]) == 0
    assert verdict in capsys.readouterr().out
    assert main(["store", "list"]) == 0
    assert "recording 'sound'" in capsys.readouterr().out


def test_two_recordings_stand_side_by_side_and_one_can_be_deleted():
    record("first")
    assert [box.label for box in opened(DIAGNOSE).selectbox] == ["Training"]
    record("second", zero=False)
    app = opened(DIAGNOSE)
    assert [box.label for box in app.selectbox] == ["Training", "Compare with"]
    app.selectbox[1].select("first").run()
    assert not app.exception
    assert "never cleared" in text_of(app)
    assert "No fault found:" in text_of(app)
    app.button(key="delete left").click().run()
    assert not app.exception
    assert [recording.name for recording in core.recordings_beside()] == ["first"]


@pytest.mark.parametrize("name", ["![x](http:evil) **b** $x$ `c`", "<b>b<b>", ":red[a]", "a_b_c"])
def test_a_name_is_shown_as_it_is(name):
    trace_name = name.replace("/", "")
    record("sound")
    recordings.file_of("sound").rename(recordings.folder() / f"{trace_name}{recordings.SUFFIX}")
    app = opened(DIAGNOSE)
    assert not app.exception
    assert any(core.plain(trace_name) in element.value for element in app.caption)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\1\2",
        "{}",
        '{"recording":{"format":99}}',
        '{"recording":{"format":1}}\n{"steps":{"step":5}}\n',
        '{"recording":{"format":1}}\n{"steps":{}}\n',
        '{"recording":{"format":1}}\n{"steps":{"train_loss":[1,2]}}\n',
        '{"recording":{"format":1}}\n{"steps":{"step":[1,2],"train_loss":[1]}}\n',
        '{"recording":{"format":1}}\n{"facts":{"steps":3,"optimizers":[1],"modules":[2],"losses":[{}]}}\n',
        '{"recording":{"format":1}}\n{"facts":{"steps":"many"}}\n',
    ],
)
def test_a_spoiled_recording_gets_one_sentence(text):
    write("spoiled", text)
    app = opened(DIAGNOSE)
    assert not app.exception
    assert len(app.error) == 1
    assert "\n" not in app.error[0].value


@pytest.mark.parametrize("data", [b"", b" \n", b"\x80\x04pickle\x00\x01\x02" * 40, b"nothing, here\n1,2\n"])
def test_a_spoiled_log_gets_one_sentence(data):
    with pytest.raises(ValueError, match=r"^log\.csv: [^\n]+$"):
        core.read_log("log.csv", data)


def chosen(app):
    """What the fields say, and the address."""
    return [box.value for box in app.selectbox], {name: str(app.query_params[name]) for name in app.query_params}


def at(app, **link: str):
    """The page at this address."""
    app.query_params.clear()
    app.query_params.update(link)
    return app.run()


def test_the_chosen_trainings_stand_in_the_address_and_nothing_foreign_does():
    for name in ("first", "other", "third"):
        record(name)
    app = opened(DIAGNOSE, depth="4", training="nowhere")
    assert chosen(app) == (["third", None], {"training": "third"})
    app.selectbox[0].select("first").run()
    app.selectbox[1].select("other").run()
    assert chosen(app) == (["first", "other"], {"training": "first", "second": "other"})
    assert chosen(at(app, training="other", second="other")) == (["other", None], {"training": "other"})
    assert chosen(at(app, training="third", second="first"))[0] == ["third", "first"]
    assert not app.exception


def test_who_comes_back_to_diagnose_finds_the_trainings_that_were_chosen():
    for name in ("first", "other"):
        record(name)
    app = opened(DIAGNOSE, training="first", second="other")
    assert chosen(app)[0] == ["first", "other"]
    app.switch_page("pages/10_Results.py").run()
    app.query_params.clear()
    app.switch_page(DIAGNOSE).run()
    assert chosen(app) == (["first", "other"], {"training": "first", "second": "other"})


def test_only_a_name_in_the_list_is_opened_or_deleted(tmp_path):
    record("sound")
    secret = tmp_path / "secret.recording"
    secret.write_text('{"recording":{"format":1}}\n', encoding="utf-8")
    for name in ("../secret", str(secret), "", "nothing"):
        with pytest.raises(ValueError, match="no recording"):
            core.open_recording(name)
        with pytest.raises(ValueError, match="no recording"):
            core.delete_recording(name)
    assert secret.exists()


def test_a_log_is_read_from_its_bytes_and_judged():
    (trace,) = core.read_log("history.csv", KERAS.encode())
    assert [finding.code for finding in core.findings_of(trace)] == ["overfitting"]
    assert core.trace_charts(trace)["loss"].title.endswith("after a lowest of 0.5")
    lines = core.steps_csv(trace).decode().splitlines()
    assert lines[0].split(",")[:2] == ["step", "epoch"]
    assert len(lines) == 21


def test_a_file_dropped_on_the_page_is_judged_at_once():
    record("sound")
    app = opened(DIAGNOSE)
    app.file_uploader[0].upload("history.csv", KERAS.encode(), "text/csv").run()
    assert not app.exception
    assert "history.csv" in text_of(app)
    assert "Evidence" in text_of(app)
    app.file_uploader[0].set_value(("bad.csv", b"\0\1\2" * 99, "text/csv")).run()
    assert not app.exception
    assert len(app.error) == 1


def test_a_recording_handed_over_as_a_file_is_one():
    name = record("faulty", zero=False)
    data = recordings.file_of(name).read_bytes()
    (trace,) = core.read_log("sent.recording", data)
    assert core.findings_of(trace)[0].code == "gradients_not_zeroed"
    assert read(name)[0].facts["format"] == trace.facts["format"] == "recording"


def test_a_recording_under_way_says_so_until_it_falls_silent():
    line = '{"recording":{"format":1}}\n{"steps":{"step":[0,1,2],"optimizer":[0,0,0],"train_loss":[3,2,1]}}\n'
    write("live", line + '{"facts":{"ended":"under way","steps":3,"optimizers":[]}}\n')
    assert "under way; what follows is renewed" in text_of(opened(DIAGNOSE))
    past = time.time() - SILENT - 5
    os.utime(recordings.file_of("live"), (past, past))
    app = opened(DIAGNOSE)
    assert not app.exception
    assert "what follows is renewed" not in text_of(app)


def test_what_only_an_end_shows_is_not_said_before_it():
    loss = np.linspace(2.0, 1.0, 60)
    steps = {"step": np.arange(60.0), "train_loss": loss}
    facts = {"format": "any", "clock": "step"}
    ended = [finding.code for finding in core.findings_of(Trace(steps, facts=facts))]
    assert "still_improving" in ended
    early = core.findings_of(Trace(steps, facts={**facts, "ended": "under way"}))
    assert "still_improving" not in [finding.code for finding in early]


def test_charts_survive_hundreds_of_layers_zeros_and_long_courses():
    steps, names = np.arange(200.0), [f"block.{place}.weight" for place in range(400)]
    grid = [(step, name) for step in steps[::2] for name in names]
    size = np.geomspace(1e-12, 1.0, len(grid))
    size[:7] = 0.0
    layers = {
        "step": np.array([step for step, _ in grid]),
        "layer": np.array([name for _, name in grid]),
        "grad_rms": size,
        "update_ratio": size,
    }
    long = np.arange(50_000.0)
    loss = 1.0 + np.sin(long)
    loss[777] = 99.0
    drawn = core.trace_charts(Trace({"step": long, "train_loss": loss}, layers))
    assert len(drawn["layers"].chart.data) <= charts.MOST_COLUMNS * charts.MOST_LAYERS
    assert "300 of 400 layers" in drawn["layers"].note
    kept = charts.thinned(pd.DataFrame({"step": long, "value": loss}))
    assert len(kept) <= charts.MOST_POINTS + 2
    assert kept["value"].max() == 99.0


@pytest.mark.parametrize("values", [[], [math.nan] * 3, [math.inf] * 3, [0.0] * 3, [1e-300, 1.0, 1e300]])
def test_charts_survive_any_numbers(values):
    table = {"step": np.arange(float(len(values))), **{c: np.array(values) for c in ("train_loss", "lr", "grad_norm")}}
    layers = {"step": table["step"], "layer": np.array(["a"] * len(values)), "grad_rms": np.array(values)}
    layers["update_ratio"] = layers["grad_rms"]
    for drawn in core.trace_charts(Trace(table, layers)).values():
        assert drawn.title
        assert drawn.specification
