"""Printed scripts of settings drawn at random: those that solve their task stay silent under ``watch``, a flaw is named."""

import random

import pytest

from tests.core.experiments.random_settings import drawn_sweep, is_sound
from tests.recorder.unsound import FLAWS, flawed_script, is_spoilt
from tests.recorder.watched import found_by_watch, watched

PRINTED = ("schedulers", "clipping")  # remedies' scripts are clipping's networks, measured more closely


def false_alarms(count: int, seed: int, folder) -> list:
    """What is wrongly said of the first ``count`` sound settings."""
    draw, runs = random.Random(seed), []
    while len(runs) < count:
        kind, sweep = drawn_sweep(draw, PRINTED, seeds=1)
        if is_sound(kind.measured(sweep)):
            given = {name: value for name, value in sweep.link().items() if name != "seeds"}
            runs.append((kind.name, given | {"seed": 0}))
    found = found_by_watch(runs, folder)
    return [
        (run, finding["code"], finding["message"])
        for run, findings in zip(runs, found, strict=True)
        for finding in findings
        if finding["severity"] != "info"
    ]


@pytest.mark.slow
def test_a_sample_of_random_sound_scripts_stays_silent(tmp_path):
    assert false_alarms(2, 1, tmp_path) == []


@pytest.mark.long
def test_three_hundred_random_sound_scripts_stay_silent(tmp_path):
    assert false_alarms(300, 2, tmp_path) == []


def unnamed_flaws(count: int, seed: int, folder, flaws: tuple[str, ...] = tuple(FLAWS)) -> tuple[list, list]:
    """Of ``count`` trainings spoilt by one of ``flaws`` after the other: those of which nothing is said, or another cause."""
    draw, spoilt, drawn = random.Random(seed), [], 0
    while len(spoilt) < count:
        batch = [flaws[(drawn + number) % len(flaws)] for number in range(count - len(spoilt))]
        drawn += len(batch)
        scripts = [flawed_script(draw, FLAWS[flaw]) for flaw in batch]
        for flaw, (words, _), result in zip(
            batch, scripts, watched([text for _, text in scripts], folder), strict=True
        ):
            if is_spoilt(result["out"]):
                codes = [finding["code"] for finding in result["found"] if finding["severity"] != "info"]
                spoilt.append((flaw, words, codes))
    silent = [row for row in spoilt if not row[2]]
    return silent, [row for row in spoilt if row[2] and not set(row[2]) & set(FLAWS[row[0]].codes)]


@pytest.mark.slow
def test_a_sample_of_random_flaws_is_named(tmp_path):
    assert unnamed_flaws(3, 4, tmp_path, ("rate_too_high", "zeros", "dead_units")) == ([], [])


@pytest.mark.long
def test_of_a_hundred_random_flaws_nine_of_ten_are_named(tmp_path):
    silent, misnamed = unnamed_flaws(100, 5, tmp_path)
    assert len(silent) <= 5, silent
    assert len(silent) + len(misnamed) <= 10, silent + misnamed
