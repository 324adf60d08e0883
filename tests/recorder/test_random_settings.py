"""Printed scripts of settings drawn at random: those that solve their task stay silent under ``watch``."""

import random

import pytest

from tests.core.experiments.random_settings import drawn_sweep, is_sound
from tests.recorder.watched import found_by_watch

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
