"""Pages take turns to draw."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from pages.widgets import turns


def test_no_more_draw_at_once_than_there_are_turns_and_each_comes_to_its_turn():
    inside, most = [], []

    def draw(number):
        with turns.turn(), turns.turn():  # the second is the first's
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)
        return number

    with ThreadPoolExecutor(20) as sessions:
        assert list(sessions.map(draw, range(200))) == list(range(200))
    assert max(most) <= turns.AT_ONCE


def test_a_turn_is_given_away_while_its_page_waits_and_taken_again():
    others = Barrier(turns.AT_ONCE + 1)
    waited = Event()

    def other():
        with turns.turn():
            others.wait(60)
            waited.wait(60)

    with ThreadPoolExecutor(turns.AT_ONCE) as sessions, turns.turn():
        with turns.given_away():
            drawn = [sessions.submit(other) for _ in range(turns.AT_ONCE)]
            others.wait(60)  # all turns are the others'
            waited.set()
        assert not any(each.exception(60) for each in drawn)


def test_a_page_that_breaks_gives_its_turn_back():
    for _ in range(turns.AT_ONCE + 1):
        with pytest.raises(ValueError, match="broken"), turns.turn():
            raise ValueError("broken")
