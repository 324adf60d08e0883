"""How often a sweep under way is drawn."""

import pytest

from pages.widgets import pace


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test sets."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def test_what_has_finished_is_drawn_at_once_and_again_when_drawing_has_its_share_of_the_time(clock):
    sweep = pace.Pace()
    assert sweep.due(3) == 3
    sweep.took(0.5)
    clock[0] += 0.5 / pace.SHARE - 0.1
    assert sweep.due(9) == 3
    clock[0] += 0.2
    assert sweep.due(9) == 9


def test_a_look_at_what_is_drawn_already_shortens_no_wait(clock):
    sweep = pace.Pace()
    sweep.due(3)
    sweep.took(2.0)
    sweep.took(0.01)
    clock[0] += 1.0
    assert sweep.due(9) == 3
