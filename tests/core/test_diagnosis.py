"""Findings: the sick networks are named, with numbers and a mend; the sound ones are left in peace."""

from __future__ import annotations

import json
import math
import urllib.parse

import numpy as np
import pandas as pd
import pytest

import core

WIDE = {"width": 64, "batch_size": 32, "loss": "projection"}
SOUND = {
    "He's init under twenty layers of ReLU": {"depth": 20, "activation": "relu", "init": "he_normal", **WIDE},
    "five layers of tanh, Xavier's init": {"depth": 5, "activation": "tanh", "init": "xavier_normal", **WIDE},
    "the lesson's small tanh network, Xavier's init": {"depth": 5, "activation": "tanh", "init": "xavier_normal"},
    "the lesson's residual block": {"depth": 20, "activation": "relu", "residual": "lesson_block", **WIDE},
    "orthogonal matrices alone": {"depth": 20, "activation": "identity", "init": "orthogonal", **WIDE},
    "a single layer": {"depth": 1},
}
ILL = [
    ("the lesson's 20 tanh layers", {"depth": 20}, "vanishing_gradients", "error"),
    ("20 sigmoid layers", {"depth": 20, "activation": "sigmoid"}, "vanishing_gradients", "error"),
    ("PyTorch's init under ReLU", {"depth": 20, "activation": "relu", **WIDE}, "vanishing_gradients", "error"),
    ("a little vanishing", {"depth": 8, **WIDE}, "vanishing_gradients", "warning"),
    ("tanh with huge weights", {"depth": 20, "init": "normal(std=5)", **WIDE}, "exploding_gradients", "error"),
    ("BatchNorm", {"depth": 20, "activation": "relu", "norm": "batch", **WIDE}, "exploding_gradients", "warning"),
    ("deep BatchNorm", {"depth": 60, "activation": "relu", "norm": "batch", **WIDE}, "exploding_gradients", "error"),
    ("narrow deep ReLU", {"depth": 30, "activation": "relu", "init": "he_normal", **WIDE, "width": 2}, "dead_units", "error"),
    ("tanh on its flat part", {"depth": 5, "init": "normal(std=5)", **WIDE}, "saturated_units", "error"),
    ("half on its flat part", {"depth": 5, "init": "normal(std=0.75)", **WIDE}, "saturated_units", "warning"),
    ("zeros", {"depth": 5, "init": "zeros"}, "zero_gradient", "error"),
    ("a sum fixed by BatchNorm", {"depth": 5, "activation": "identity", "norm": "batch", "batch_size": 32}, "zero_gradient", "info"),
    ("a sum fixed by LayerNorm", {"depth": 5, "activation": "identity", "norm": "layer", **WIDE, "loss": "sum"}, "zero_gradient", "info"),
]  # fmt: skip


@pytest.fixture(scope="module")
def frame_of(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "results.sqlite")

    def run(**settings: object) -> pd.DataFrame:
        return core.run("vanishing", executor="inline", store=path, **settings)

    return run


@pytest.mark.parametrize("seeds", [1, 2, 10])
@pytest.mark.parametrize("settings", SOUND.values(), ids=SOUND.keys())
def test_a_sound_network_gets_no_error_and_no_warning(frame_of, settings, seeds):
    found = core.findings(frame_of(seeds=seeds, **settings))
    assert [finding for finding in found if finding.severity != "info"] == []


@pytest.mark.parametrize("seeds", [3, 10])
@pytest.mark.parametrize(("name", "settings", "code", "severity"), ILL, ids=[case[0] for case in ILL])
def test_a_sick_network_is_named_by_code_and_severity(frame_of, name, settings, code, severity, seeds):
    found = core.findings(frame_of(seeds=seeds, **settings))
    assert (code, severity) in [(finding.code, finding.severity) for finding in found]


@pytest.mark.parametrize(("name", "settings", "code", "severity"), ILL, ids=[case[0] for case in ILL])
def test_a_finding_is_a_sentence_with_evidence_and_a_mend_and_goes_into_json(frame_of, name, settings, code, severity):
    for finding in core.findings(frame_of(seeds=3, **settings)):
        written = json.loads(json.dumps(finding.as_dict(), allow_nan=False))
        assert list(written) == ["code", "severity", "message", "evidence", "remedy", "link", "file", "run"]
        assert written["severity"] in ("error", "warning", "info")
        assert written["evidence"]
        for sentence in (finding.message, finding.remedy):
            assert sentence
            assert "\n" not in sentence
            assert "nan" not in sentence


@pytest.mark.parametrize(("name", "settings", "code", "severity"), ILL, ids=[case[0] for case in ILL])
def test_the_remedys_link_is_a_sweep_that_can_be_run(frame_of, name, settings, code, severity):
    linked = 0
    for finding in core.findings(frame_of(seeds=3, **settings)):
        if finding.link:
            query = finding.link.removeprefix("/Vanishing_gradients?")
            sweep = core.experiment("vanishing").sweep(dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
            assert sweep.points
            linked += 1
    assert linked or severity == "info"


def test_the_evidence_of_vanishing_gradients_is_the_decay_with_its_interval(frame_of):
    frame = frame_of(depth=20, seeds=10)
    (finding,) = core.findings(frame)
    evidence = finding.evidence
    assert "a layer towards the input (theory 0.57" in finding.message
    first, last = ((frame.loc[frame["layer"] == layer, "grad_rms"] ** 2).mean() ** 0.5 for layer in (1, 20))
    assert evidence["ci_low"] < evidence["decay_factor"] < evidence["ci_high"] < 1
    assert evidence["first_over_last"] == pytest.approx(first / last)
    assert evidence["decay_factor_theory"] == pytest.approx(1 / math.sqrt(3), rel=0.03)
    assert evidence["runs"] == 10


def test_settings_are_judged_one_by_one_and_the_worst_comes_first(frame_of):
    frame = frame_of(depth="9,20", seeds=5, **WIDE)
    found = core.findings(frame)
    assert [finding.severity for finding in found] == ["error", "warning"]
    assert found[0].message.startswith("depth 20: ")
    assert found[1].message.startswith("depth 9: ")


def test_findings_do_not_depend_on_the_order_of_rows_and_leave_the_frame_alone(frame_of):
    frame = frame_of(depth=20, activation="tanh,sigmoid,relu", seeds=3)
    shuffled = frame.sample(frac=1, random_state=0)
    before = shuffled.copy(deep=True)

    def judged(table: pd.DataFrame) -> list[tuple[str, str, str]]:
        return sorted((finding.code, finding.severity, finding.message) for finding in core.findings(table))

    assert judged(shuffled) == judged(frame)
    pd.testing.assert_frame_equal(shuffled, before)


def test_findings_survive_a_way_through_csv(frame_of, tmp_path):
    frame = frame_of(depth=20, activation="tanh,relu", seeds=3)
    frame.to_csv(tmp_path / "frame.csv", index=False)
    again = pd.read_csv(tmp_path / "frame.csv")
    assert [found.message for found in core.findings(again)] == [found.message for found in core.findings(frame)]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_gradients_without_a_size_are_no_reason_to_break(frame_of, value):
    frame = frame_of(depth=5, seeds=3).assign(grad_rms=value)
    json.dumps([finding.as_dict() for finding in core.findings(frame)], allow_nan=False)


def test_an_empty_frame_has_no_findings(frame_of):
    assert core.findings(frame_of(depth=5, seeds=1).iloc[:0]) == []


TRAINED = {"depth": 2, "dataset": "digits", "batch_size": 32, "seeds": 2}


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({"loss": "mse", "steps": 30, "optimizer": "sgd", "base_lr": 1000}, {"diverged"}),
        (
            {"loss": "cross_entropy", "steps": 20, "base_lr": 5, "activation": "relu", "width": 64},
            {"learning_rate_too_high", "dead_units"},
        ),
        ({"loss": "cross_entropy", "steps": 20, "activation": "relu", "width": 64}, set()),
    ],
    ids=["the loss leaves the number format", "the loss rises and units die", "a sound training"],
)
def test_a_training_is_judged_at_its_end_too(frame_of, settings, codes):
    found = core.findings(frame_of(**TRAINED, **settings))
    assert {finding.code for finding in found} == codes
    for finding in found:
        assert "nan" not in finding.message + finding.remedy
        query = finding.link.removeprefix("/Vanishing_gradients?")
        assert core.experiment("vanishing").sweep(dict(urllib.parse.parse_qsl(query))).points


def test_gradients_are_judged_at_the_first_step_alone(frame_of):
    frame = frame_of(depth=5, seeds=3, steps=4, loss="cross_entropy", dataset="xor", batch_size=4)
    broken = frame.assign(grad_rms=np.where(frame["step"] > 0, 1e-30 * frame["layer"], frame["grad_rms"]))
    assert core.findings(broken) == core.findings(frame)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame[frame["layer"] != 3], "lacks rows of some runs"),
        (lambda frame: frame.iloc[1:], "lacks rows of some runs"),
        (lambda frame: frame[frame["layer"] == 1], "lacks rows of some runs"),
        (lambda frame: frame.drop(columns="grad_rms"), "lacks the columns grad_rms$"),
        (lambda frame: pd.DataFrame({"Name": ["someone"], "Age": [36]}), "is no frame of ours: for .* it lacks the columns"),
        (lambda frame: pd.DataFrame(), "is no frame of ours"),
        (lambda frame: frame.assign(grad_rms="much"), "grad_rms: must hold a number, but one cell is 'much'"),
        (lambda frame: frame.assign(depth="deep"), "depth: must hold a whole number"),
        (lambda frame: frame.assign(activation="tahn"), "did you mean 'tanh'"),
        (lambda frame: frame.assign(width="wide"), "width: must hold a whole number"),
        (lambda frame: frame.assign(batch_size="large"), "batch_size: must hold a whole number"),
        (lambda frame: frame.assign(depth=np.nan), "depth: must hold"),
        (lambda frame: frame.assign(saturated="yes"), "saturated: must hold a number"),
    ],
    ids=[
        "a layer filtered out", "a row lost", "one layer left", "a column lost", "foreign", "no columns", "words for numbers",
        "words for depth", "unknown activation", "words for width", "words for batch size", "no depth",
        "words for shares",
    ],
)  # fmt: skip
def test_a_filtered_or_foreign_frame_gets_one_sentence(frame_of, change, words):
    frame = frame_of(depth=20, seeds=2)
    with pytest.raises(ValueError, match=words) as caught:
        core.findings(change(frame))
    assert "\n" not in str(caught.value)


def test_every_experiment_says_what_a_frame_without_a_finding_shows():
    healthy = {name: core.experiment(name).healthy for name in core.NAMES}
    assert all(healthy.values())
    assert "gradients" not in "".join(healthy[name] for name in ("clipping", "range_test", "schedulers", "backprop"))
