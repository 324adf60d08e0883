"""The text form of parts, on a registry of two made-up entries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.registry import Argument, Entry, Registry, split_values, unknown

FRUIT = Registry(
    "fruit",
    Entry(
        name="apple",
        label="apple",
        source="a tree",
        arguments=(
            Argument(name="weight", kind=float, default=1.0, above=0.0, maximum=5.0, meaning="kilograms"),
            Argument(name="pips", kind=int, default=8, minimum=0, maximum=20, meaning="seeds"),
            Argument(name="ripe", kind=bool, default=False, meaning="sweet"),
        ),
        contradiction=lambda weight, pips, ripe: (
            "apple: ripe=True needs pips above 0, such as pips=1" if ripe and not pips else None
        ),
    ),
    Entry(name="pear", label="pear", source="another tree"),
)

CANONICAL = [
    ("apple", "apple"),
    (" apple ( ) ", "apple"),
    ("apple(weight=1)", "apple"),
    ("apple(weight=1, pips=8, ripe=False)", "apple"),
    ("apple(ripe=true, weight=2)", "apple(weight=2.0, ripe=True)"),
    ("apple(  pips = 3 ,weight=1e-3 )", "apple(weight=0.001, pips=3)"),
    ("apple(weight=0.1)", "apple(weight=0.1)"),
]


@pytest.mark.parametrize(("written", "canonical"), CANONICAL)
def test_canonical_text_drops_defaults_and_keeps_the_declared_order(written, canonical):
    assert str(FRUIT.parse(written)) == canonical


def test_arguments_have_their_types():
    part = FRUIT.parse("apple(weight=2, pips=3, ripe=TRUE)")
    assert part.arguments == {"weight": 2.0, "pips": 3, "ripe": True}
    assert [type(value) for value in part.arguments.values()] == [float, int, bool]


REFUSED = [
    ("aple", "unknown fruit 'aple'; did you mean 'apple'? Known: apple, pear"),
    ("zzz", "unknown fruit 'zzz'. Known: apple, pear"),
    ("", "fruit '' can't be read; write name or name(argument=value), such as apple"),
    ("apple(", "fruit 'apple(' can't be read; write name or name(argument=value), such as apple"),
    ("apple(weight=0)", "apple: weight must be a number above 0 and at most 5, but got 0"),
    ("apple(weight=5.1)", "apple: weight must be a number above 0 and at most 5, but got 5.1"),
    ("apple(weight=nan)", "apple: weight must be a number above 0 and at most 5, but got nan"),
    ("apple(weight=inf)", "apple: weight must be a number above 0 and at most 5, but got inf"),
    ("apple(weight=)", "apple: weight must be a number above 0 and at most 5, but got nothing"),
    ("apple(pips=2.0)", "apple: pips must be a whole number from 0 to 20, but got 2.0"),
    ("apple(pips=-1)", "apple: pips must be a whole number from 0 to 20, but got -1"),
    ("apple(ripe=1)", "apple: ripe must be True or False, but got 1"),
    ("apple(pip=2)", "unknown argument of apple 'pip'; did you mean 'pips'? Known: weight, pips, ripe"),
    ("apple(3)", "apple: arguments are written as in apple(weight=…), but got '3'"),
    ("apple(weight=1,)", "apple: arguments are written as in apple(weight=…), but got ''"),
    ("apple(pips=1, pips=1)", "apple: pips is given twice"),
    ("apple(pips=0, ripe=True)", "apple: ripe=True needs pips above 0, such as pips=1"),
    ("pear(weight=1)", "pear: takes no arguments, but got 'weight'"),
    ("pear(1)", "pear: arguments are written as in pear, but got '1'"),
]


@pytest.mark.parametrize(("written", "sentence"), REFUSED)
def test_what_is_wrong_is_said_in_one_sentence(written, sentence):
    with pytest.raises(ValueError) as caught:
        FRUIT.parse(written)
    assert str(caught.value) == sentence


@given(
    weight=st.floats(0, 5, exclude_min=True, allow_subnormal=True),
    pips=st.integers(0, 20),
    ripe=st.booleans(),
)
def test_any_part_reads_back_from_its_text_as_itself(weight, pips, ripe):
    ripe = ripe and pips > 0
    part = FRUIT.parse(f"apple(weight={weight!r}, pips={pips}, ripe={ripe})")
    again = FRUIT.parse(str(part))
    assert again.arguments == part.arguments == {"weight": weight, "pips": pips, "ripe": ripe}
    assert str(again) == str(part)


@given(st.text(max_size=30))
def test_any_text_is_a_part_or_refused_in_a_sentence(text):
    try:
        part = FRUIT.parse(text)
    except ValueError as error:
        assert str(error)
    else:
        assert str(FRUIT.parse(str(part))) == str(part)


SPLITS = [
    ("", []),
    ("  ", []),
    ("a", ["a"]),
    ("a,b", ["a", "b"]),
    (" a , b(c=1, d=2) ,e", ["a", "b(c=1, d=2)", "e"]),
    ("f(g(1, 2), 3),h", ["f(g(1, 2), 3)", "h"]),
    ("a,", ["a", ""]),
    (",", ["", ""]),
    ("a),b", ["a)", "b"]),
]


@pytest.mark.parametrize(("text", "values"), SPLITS)
def test_commas_inside_parentheses_belong_to_the_part(text, values):
    assert split_values(text) == values


@given(st.lists(st.from_regex(r"[a-z_]+(\([a-z]+=[0-9.]+(, [a-z]+=[0-9.]+)*\))?", fullmatch=True), min_size=1))
def test_values_joined_by_commas_are_split_again(values):
    assert split_values(",".join(values)) == values


def test_a_name_far_from_all_gets_no_suggestion():
    assert unknown("fruit", "xyzzy", ["apple", "pear"]) == "unknown fruit 'xyzzy'. Known: apple, pear"


def test_suggestions_do_not_mind_capitals():
    assert "did you mean 'apple'?" in unknown("fruit", "APPLE", ["apple", "pear"])
