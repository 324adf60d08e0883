"""Faults of whole trainings, as public bug reports describe them: each is named, and its mended twin is not."""

from __future__ import annotations

import pytest

import core

TRAINED = {"epochs": 10, "seeds": 3, "base_lr": 0.01}
SCHEDULES = [
    (
        "plateau in the wrong mode",
        {"scheduler": 'plateau(mode="max", patience=2, factor=0.1)', "epochs": 15},
        {"scheduler": "plateau(patience=2, factor=0.1)", "epochs": 15},
        "plateau_on_training_batches",
        "even while the validation loss improved",
    ),
    (
        "a course a hundred times too long",
        {"scheduler": "polynomial(total_iters=10000)"},
        {"scheduler": "polynomial(total_iters=100)", "epochs": 100},
        "schedule_unfinished",
        "0.1% of its course",
    ),
    (
        "plateau fed the losses of batches",
        {"scheduler": 'plateau(per="batch", patience=5)'},
        {"scheduler": "plateau(patience=5)"},
        "plateau_on_training_batches",
        "takes noise for a standstill",
    ),
    (
        "one cycle stepped once an epoch",
        {"scheduler": 'one_cycle(per="epoch")'},
        {"scheduler": "one_cycle"},
        "schedule_unfinished",
        "stepped once an epoch",
    ),
]


def found(store: str, name: str, **settings: object) -> list[core.Finding]:
    settings = {**TRAINED, **settings}
    frame = core.run(name, executor="inline", store=store, **settings)
    return core.findings(frame)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("store") / "results.sqlite")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sick", "sound", "code", "words"), SCHEDULES, ids=[case[0] for case in SCHEDULES])
def test_a_wrong_schedule_is_named_and_its_mended_twin_is_not(store, name, sick, sound, code, words):
    told = [finding for finding in found(store, "schedulers", **sick) if finding.code == code]
    assert [finding.severity for finding in told] == ["warning"]
    assert words in told[0].message
    assert told[0].remedy
    assert code not in [finding.code for finding in found(store, "schedulers", **sound)]


def test_rates_whose_peaks_differ_are_not_silently_compared(store):
    codes = [finding.code for finding in found(store, "schedulers", scheduler="constant,one_cycle(max_lr=0.1)")]
    assert "unequal_peaks" in codes
    codes = [finding.code for finding in found(store, "schedulers", scheduler="constant,cosine")]
    assert "unequal_peaks" not in codes


def test_a_schedule_that_never_moved_the_rate_is_said_to_be_a_constant_one(store):
    idle = found(store, "schedulers", scheduler="plateau(patience=50)")
    assert ("schedule_without_effect", "info") in [(finding.code, finding.severity) for finding in idle]


def test_trainings_at_the_loss_of_guessing_are_said_to_be_stuck(store):
    stuck = found(store, "schedulers", scheduler="constant", init="zeros")
    assert "stuck_at_chance" in [finding.code for finding in stuck]
    assert "stuck_at_chance" not in [finding.code for finding in found(store, "schedulers", scheduler="constant")]


def test_a_signal_that_dies_on_its_way_is_named_where_the_weights_gradients_look_even(store):
    plain = {"epochs": None, "base_lr": None, "seeds": 5}
    given = {"depth": 30, "activation": "relu", "init": "normal(std=0.1)", "width": 64, "batch_size": 32}
    settings = {key: value for key, value in {**plain, **given}.items() if value is not None}
    findings = core.findings(core.run("vanishing", executor="inline", store=store, **settings))
    assert [finding.code for finding in findings if finding.severity == "error"] == ["vanishing_gradients"]
    assert "the signal fades" in findings[0].message
    sound = core.run("vanishing", executor="inline", store=store, **{**settings, "init": "he_normal"})
    assert [finding for finding in core.findings(sound) if finding.severity != "info"] == []
