"""The text form of parts, on registries of made-up entries."""

from dataclasses import replace

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

TREES = Registry(
    "tree",
    Entry(
        name="oak",
        label="oak",
        source="an acorn",
        arguments=(
            Argument(name="share", kind=float, default=0.5, above=0.0, below=1.0, meaning="of the shade"),
            Argument(name="grows", kind=str, default="wild", choices=("wild", "in_rows"), meaning="where"),
            Argument(
                name="rings", kind=tuple, default=None, maximum=1000, meaning="years of drought; none unless given"
            ),
        ),
    ),
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


WORDS_AND_TUPLES = [
    ('oak(grows="in_rows")', 'oak(grows="in_rows")'),
    ("oak(grows='in_rows')", 'oak(grows="in_rows")'),
    ("oak(grows=in_rows)", 'oak(grows="in_rows")'),
    ('oak(grows="wild", share=.5)', "oak"),
    ("oak(rings=(10,20))", "oak(rings=(10, 20))"),
    ("oak(rings=[10,20])", "oak(rings=(10, 20))"),
    ("oak( rings = ( 10 , 20, ) )", "oak(rings=(10, 20))"),
    ("oak(rings=(7,))", "oak(rings=(7,))"),
    ("oak(rings=(7))", "oak(rings=(7,))"),
    ("oak(rings=7)", "oak(rings=(7,))"),
    ("oak(rings=(1, 2, 1000), grows=in_rows, share=0.1)", 'oak(share=0.1, grows="in_rows", rings=(1, 2, 1000))'),
]


@pytest.mark.parametrize(("text", "canonical"), WORDS_AND_TUPLES)
def test_words_stand_in_double_quotes_and_tuples_in_parentheses(text, canonical):
    part = TREES.parse(text)
    assert str(part) == canonical
    assert TREES.parse(canonical).arguments == part.arguments


def test_arguments_have_their_types():
    part = FRUIT.parse("apple(weight=2, pips=3, ripe=TRUE)")
    assert part.arguments == {"weight": 2.0, "pips": 3, "ripe": True}
    assert [type(value) for value in part.arguments.values()] == [float, int, bool]


REFUSED = [
    ("aple", "unknown fruit 'aple'; did you mean 'apple'? Known: apple, pear"),
    ("zzz", "unknown fruit 'zzz'. Known: apple, pear"),
    ("", "fruit '' can't be read; write name or name(argument=value), such as apple"),
    ("apple(", "fruit 'apple(' can't be read; write name or name(argument=value), such as apple"),
    ("apple(weight=0)", "apple: weight must be above 0, at most 5, but got 0"),
    ("apple(weight=5.1)", "apple: weight must be above 0, at most 5, but got 5.1"),
    ("apple(weight=nan)", "apple: weight must be above 0, at most 5, but got nan"),
    ("apple(weight=inf)", "apple: weight must be above 0, at most 5, but got inf"),
    ("apple(weight=)", "apple: weight must be above 0, at most 5, but got nothing"),
    ("apple(pips=2.0)", "apple: pips must be a whole number, 0 to 20, but got 2.0"),
    ("apple(pips=1_0)", "apple: pips must be a whole number, 0 to 20, but got 1_0"),
    ("apple(weight=１)", "apple: weight must be above 0, at most 5, but got １"),
    ("apple(pips=-1)", "apple: pips must be a whole number, 0 to 20, but got -1"),
    ("apple(ripe=1)", "apple: ripe must be True or False, but got 1"),
    ("apple(pip=2)", "unknown argument of apple 'pip'; did you mean 'pips'? Known: weight, pips, ripe"),
    ("apple(3)", "apple: arguments are written as in apple(weight=…), but got '3'"),
    ("apple(weight=1,)", "apple: arguments are written as in apple(weight=…), but got ''"),
    ("apple(pips=1, pips=1)", "apple: pips is given twice"),
    ("apple(pips=0, ripe=True)", "apple: ripe=True needs pips above 0, such as pips=1"),
    ("pear(weight=1)", "pear: takes no arguments, but got 'weight'"),
    ("pear(1)", "pear: arguments are written as in pear, but got '1'"),
]


RINGS = "oak: rings must be rising whole numbers such as (10, 20), from 1 to 1000, but got "
GROWS = "oak: grows must be one of wild, in_rows, but got "
REFUSED_TREES = [
    ("oak(share=0)", "oak: share must be above 0, below 1, but got 0"),
    ("oak(share=1)", "oak: share must be above 0, below 1, but got 1"),
    ("oak(grows=Wild)", GROWS + "Wild; did you mean 'wild'?"),
    ("oak(grows=)", GROWS + "nothing"),
    ("oak(grows=\"wild')", GROWS + "\"wild'; did you mean 'wild'?"),
    ('oak(grows=")', GROWS + '"'),
    ("oak(rings=(20, 10))", RINGS + "(20, 10)"),
    ("oak(rings=(10, 10))", RINGS + "(10, 10)"),
    ("oak(rings=(0, 10))", RINGS + "(0, 10)"),
    ("oak(rings=(1, 1001))", RINGS + "(1, 1001)"),
    ("oak(rings=(1.5, 2))", RINGS + "(1.5, 2)"),
    ("oak(rings=())", RINGS + "()"),
    ("oak(rings=(,))", RINGS + "(,)"),
    ("oak(rings=(1,,2))", RINGS + "(1,,2)"),
    ("oak(rings=(1, 2])", RINGS + "(1, 2]"),
    ("oak(rings=)", RINGS + "nothing"),
    ("oak(rings=1, 2)", "oak: arguments are written as in oak(share=…), but got '2'"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED_TREES)
def test_wrong_words_and_tuples_are_refused_in_one_sentence(text, sentence):
    with pytest.raises(ValueError) as caught:
        TREES.parse(text)
    assert str(caught.value) == sentence


BOUNDS = [
    ({"above": 0.0}, "above 0"),
    ({"minimum": 0.0}, "at least 0"),
    ({"below": 1.0}, "below 1"),
    ({"minimum": 0.0, "below": 1.0}, "at least 0, below 1"),
    ({}, "a number"),
]


@pytest.mark.parametrize(("bounds", "words"), BOUNDS)
def test_what_is_allowed_is_said_in_words(bounds, words):
    assert Argument(name="x", kind=float, default=0.5, meaning="", **bounds).allowed() == words


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


@given(
    share=st.floats(0, 1, exclude_min=True, exclude_max=True),
    grows=st.sampled_from(["wild", "in_rows"]),
    rings=st.lists(st.integers(1, 1000), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_any_part_with_words_and_tuples_reads_back_from_its_text_and_is_one_value_of_a_sweep(share, grows, rings):
    part = TREES.parse(f"oak(share={share!r}, grows={grows}, rings={rings})")
    assert part.arguments == {"share": share, "grows": grows, "rings": tuple(rings)}
    text = str(part)
    assert str(TREES.parse(text)) == text
    assert split_values(f"{text},elm,{text}") == [text, "elm", text]


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
    ("f(g=(1,2)),h", ["f(g=(1,2))", "h"]),
    ("f(g=[1,2]),h", ["f(g=[1,2])", "h"]),
    ("a,", ["a", ""]),
    (",", ["", ""]),
    ("a),b", ["a)", "b"]),
    ("""f(g="1,(2", h='3),'),i""", ["""f(g="1,(2", h='3),')""", "i"]),
    ('f(g = "say ""1,2""("),h', ['f(g = "say ""1,2""(")', "h"]),
    ('f(g="1,2),h', ['f(g="1,2)', "h"]),
    ("it's,a", ["it's", "a"]),
]


@pytest.mark.parametrize(("text", "values"), SPLITS)
def test_commas_inside_brackets_belong_to_the_part(text, values):
    assert split_values(text) == values


@given(st.lists(st.from_regex(r"[a-z_]+(\([a-z]+=[0-9.]+(, [a-z]+=[0-9.]+)*\))?", fullmatch=True), min_size=1))
def test_values_joined_by_commas_are_split_again(values):
    assert split_values(",".join(values)) == values


def test_a_name_far_from_all_gets_no_suggestion():
    assert unknown("fruit", "xyzzy", ["apple", "pear"]) == "unknown fruit 'xyzzy'. Known: apple, pear"


def test_suggestions_do_not_mind_capitals():
    assert "did you mean 'apple'?" in unknown("fruit", "APPLE", ["apple", "pear"])


def test_a_part_that_comes_out_in_another_way_has_another_identity_and_the_same_text():
    part = FRUIT.parse("apple(pips=4)")
    changed = replace(part, entry=replace(part.entry, version=2))
    assert str(changed) == str(part) == part.identity
    assert changed.identity == "apple(pips=4) version 2"
