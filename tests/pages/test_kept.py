"""What pages keep for all sessions."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.widgets import kept


def test_a_value_is_made_once_however_many_ask_at_once():
    made, values = [], kept.Kept(100)

    def make():
        made.append(1)
        return object()

    with ThreadPoolExecutor(8) as sessions:
        assert len({id(value) for value in sessions.map(lambda _: values.get("key", make, id), range(50))}) == 1
    assert len(made) == 1


def test_what_nobody_asked_for_longest_gives_way_but_not_the_last_ones():
    values = kept.Kept(100)
    for number in range(100):
        values.get(number, lambda number=number: number, lambda _: 1)
    values.get(0, lambda: "made again", lambda _: 1)
    values.get("new", lambda: "new", lambda _: 1)
    assert values.get(0, lambda: "made again", lambda _: 1) == 0
    assert values.get(1, lambda: "made again", lambda _: 1) == "made again"
    values.get("large", lambda: "large", lambda _: 1000)
    assert len(values) == kept.FEWEST
    assert values.get("large", lambda: "made again", lambda _: 1) == "large"


def test_what_went_wrong_is_tried_again():
    values = kept.Kept(100)
    with pytest.raises(ZeroDivisionError):
        values.get("key", lambda: 1 // 0, lambda _: 1)
    assert values.get("key", lambda: "made", lambda _: 1) == "made"
