"""Settings drawn at random that solve their task get no warning; those that learn nothing always get one."""

import random

import pytest

from core.parts.datasets import shape_of
from tests.core.experiments.random_settings import drawn_sweep, is_sound


def learned_nothing(frame) -> bool:
    """Whether all runs end at the share of the largest class, or below."""
    last = frame.dropna(subset=["val_accuracy"]).groupby("run")["val_accuracy"].last()
    return bool((last <= shape_of(frame["dataset"].iloc[0]).majority).all())


def judged(count: int, seed: int) -> tuple[int, list, list]:
    """How many sound ones were drawn until there were ``count``; the false alarms, and the missed failures."""
    draw, sound, alarms, missed = random.Random(seed), 0, [], []
    while sound < count:
        kind, sweep = drawn_sweep(draw)
        frame = kind.measured(sweep)
        faults = [f.message for f in kind.findings(kind.analysis(frame)) if f.severity != "info"]
        if is_sound(frame):
            sound += 1
            alarms += [(kind.name, sweep.link(), message) for message in faults]
        elif learned_nothing(frame) and not faults:
            missed.append((kind.name, sweep.link()))
    return sound, alarms, missed


@pytest.mark.slow
def test_a_sample_of_random_settings_is_judged_rightly():
    assert judged(3, 1) == (3, [], [])


@pytest.mark.long
def test_three_hundred_random_sound_settings_stay_silent():
    assert judged(300, 2) == (300, [], [])
