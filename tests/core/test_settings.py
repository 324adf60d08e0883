"""Settings, sweeps, run ids, links: what is asked is read back the same, what is impossible is refused at once."""

import hashlib
import itertools
import json
import re
import shlex
import urllib.parse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.experiments import experiment
from core.experiments.vanishing.settings import Vanishing
from core.parts.schedulers import SCHEDULERS
from core.settings import MAXIMUM_SEED, Settings, choice, part, positive, whole
from core.sweeps import Sweep, read_seeds, seeds_text

VANISHING = experiment("vanishing")


def sweep(**given):
    return VANISHING.sweep(given)


def refusal(**given):
    """The sentences with which the sweep is refused, at reading or when its points are made."""
    with pytest.raises(ValueError) as caught:
        _ = sweep(**given).points
    return str(caught.value)


TRAINING = {"loss": "mse", "steps": "3"}
VALUES = {
    "depth": st.integers(1, 500).map(lambda half: 2 * half),
    "width": st.integers(1, 4096),
    "activation": st.sampled_from(["tanh", "relu", "elu(alpha=0.5)", "leaky_relu(negative_slope=0.2)"]),
    "init": st.sampled_from(["torch_default", "normal(std=0.2)", "mean_field(sigma_w=1.5, sigma_b=0.3)", "zeros"]),
    "residual": st.sampled_from(["none", "lesson_block", "identity(scale=0.1)", "identity"]),
    "batch_size": st.integers(2, 65536),
    "loss": st.sampled_from(["cross_entropy", "mse"]),
    "steps": st.integers(0, 10_000),
    "base_lr": st.floats(1e-12, 1e6),
    "dtype": st.sampled_from(["float32", "float64"]),
}
SEEDS = st.one_of(
    st.integers(1, 50).map(str),
    st.tuples(st.integers(0, 9), st.integers(10, 20)).map(lambda ends: f"{ends[0]}:{ends[1]}"),
    st.lists(st.integers(0, MAXIMUM_SEED), min_size=2, max_size=4, unique=True).map(lambda s: ",".join(map(str, s))),
)


@st.composite
def sweeps(draw):
    """A possible sweep as text, by setting."""
    given = {"loss": "mse", "batch_size": "2", "steps": "1", "depth": "4"}
    for name in draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=4)):
        values = draw(st.lists(VALUES[name], min_size=1, max_size=3, unique=True))
        given[name] = ",".join(map(str, values))
    if given["steps"] == "0":
        given.pop("base_lr", None)
    return given | {"seeds": draw(SEEDS)}


@given(sweeps())
def test_a_sweep_is_read_back_from_its_link_as_itself(written):
    asked = sweep(**written)
    again = sweep(**asked.link())
    assert again.key == asked.key
    assert again.link() == asked.link()
    assert list(itertools.islice(again.run_ids(), 20)) == list(itertools.islice(asked.run_ids(), 20))


@given(sweeps())
def test_rows_come_in_column_order_the_first_slowest_then_seeds(written):
    asked = sweep(**written)
    names = [name for name in Vanishing.names() if name in written]
    places = []
    for run in asked.runs():
        values = run.settings.values()
        axes = asked.axes
        place = [list(axes[name]).index(values[name]) if name in values else 0 for name in names]
        places.append((*place, list(asked.seeds).index(run.seed)))
    assert places == sorted(places)
    assert len(set(places)) == len(places) <= asked.size


@given(sweeps())
def test_every_run_id_is_64_hex_digits_its_own_and_the_runs(written):
    ids = list(sweep(**written).run_ids())
    assert ids == [run.id for run in sweep(**written).runs()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{64}", run_id) for run_id in ids)


@given(st.dictionaries(st.sampled_from([*Vanishing.names(), "seeds", "dept"]), st.text(max_size=12), max_size=3))
def test_any_text_is_a_sweep_or_refused_in_sentences(written):
    try:
        size = sweep(**written).size
    except ValueError as error:
        assert str(error).strip()
        assert all(line.strip() for line in str(error).split("\n"))
    else:
        assert size >= 1


def test_the_sweep_of_the_readme_has_its_rows_in_order():
    runs = list(sweep(depth="5,20", activation="tanh,relu", seeds="2").runs())
    rows = [(run.settings.depth, run.settings.activation, run.seed) for run in runs]
    assert rows == [(d, a, s) for d in (5, 20) for a in ("tanh", "relu") for s in (0, 1)]


def test_values_keep_the_order_in_which_they_were_given():
    runs = list(sweep(depth="20,5", seeds="7,3").runs())
    assert [(run.settings.depth, run.seed) for run in runs] == [(20, 7), (20, 3), (5, 7), (5, 3)]


def test_a_run_id_is_the_hash_of_its_canonical_json():
    (run,) = sweep(depth="3", activation="relu", seeds="4:5").runs()
    settings = {name: value for name, value in run.settings.model_dump().items() if value is not None}
    body = {"experiment": "vanishing", "version": VANISHING.version, "settings": settings, "seed": 4}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    assert run.id == hashlib.sha256(text.encode()).hexdigest()


def test_the_run_id_of_the_lessons_network_never_changes():
    first = Sweep.read("vanishing", 1, Vanishing, {})  # of version 1, whatever the version is now
    assert next(first.run_ids()) == "e5577c7961b8f5561955ec467568e2b541fe71d5cfb095ea602e5373c21581ab"


def test_idle_settings_are_empty_and_stay_out_of_the_run_id():
    (run,) = sweep(depth="3").runs()
    assert run.settings.optimizer is None
    assert run.settings.base_lr is None
    assert "optimizer" not in run.settings.values()
    with_idle = list(sweep(steps="0,3", loss="mse", optimizer="adam,sgd", base_lr="0.1,0.2").runs())
    assert [run.settings.steps for run in with_idle] == [0, 3, 3, 3, 3]  # without steps all four are one run
    assert len({run.id for run in with_idle}) == 5


def test_a_setting_that_applies_to_no_member_is_refused_with_what_would_use_it():
    assert refusal(optimizer="sgd") == (
        "optimizer: has no effect in this sweep; set steps above 0, with loss=cross_entropy or loss=mse, to train"
    )
    assert refusal(base_lr="0.1", depth="2,3").startswith("base_lr: has no effect in this sweep; ")


def test_numbers_and_parts_are_the_same_run_however_they_are_written():
    one = sweep(init="normal(std=0.10)", **TRAINING, base_lr="1e-3", depth="05")
    other = sweep(init=" normal( std=1e-1 )", loss=["mse"], steps=3, depth=[5])
    assert list(one.run_ids()) == list(other.run_ids())


def test_python_values_are_the_same_sweep_as_text():
    asked = sweep(depth=[5, 20], activation="tanh", seeds=20)
    assert asked.key == sweep(depth="5,20", seeds="20").key
    assert sweep(depth=range(2, 50, 4)).key == sweep(depth="2:50:4").key
    assert sweep(seeds=range(3, 7)).key == sweep(seeds="3:7").key
    assert sweep(seeds=(3, 5)).key == sweep(seeds="3,5").key


def test_a_range_is_pythons():
    assert [point.depth for point in sweep(depth="2:50:4").points] == list(range(2, 50, 4))
    assert [point.width for point in sweep(width="3:6").points] == [3, 4, 5]


def test_a_range_may_run_downwards_as_pythons():
    assert [point.depth for point in sweep(depth="50:2:-4").points] == list(range(50, 2, -4))


def test_size_is_counted_without_expanding_anything():
    asked = sweep(seeds="1000000000", depth="1:1000", width="1:4096", batch_size="1:65536")
    assert asked.size == 10**9 * 999 * 4095 * 65535
    assert sweep(seeds=str(2**63)).size == 2**63
    assert sweep(seeds=f"0:{2**63}").size == 2**63


def test_a_range_beyond_all_limits_is_refused_at_once():
    sentence = refusal(depth="1:1" + "0" * 22)
    assert sentence == f"depth: must be a whole number, 1 to 1000, but got {'9' * 22}, in the range 1:1{'0' * 22}"
    assert refusal(depth=range(1, 10**22)).startswith("depth: must be a whole number, 1 to 1000, but got")


DEPTH = "depth: must be a whole number, 1 to 1000, but got "
RANGE = "depth: a range is written start:stop or start:stop:step, but got "
EMPTY = "write start:stop or start:stop:step, stop excluded"
LOSSES = "one of sum, projection, cross_entropy, mse"
REFUSED = [
    ({"depth": "0"}, DEPTH + "0"),
    ({"depth": "1001"}, DEPTH + "1001"),
    ({"depth": "-3"}, DEPTH + "-3"),
    ({"depth": "2.5"}, DEPTH + "2.5"),
    ({"depth": "1e1"}, DEPTH + "1e1"),
    ({"depth": "five"}, DEPTH + "five"),
    ({"depth": "nan"}, DEPTH + "nan"),
    ({"depth": "inf"}, DEPTH + "inf"),
    ({"depth": "5,"}, DEPTH + "nothing"),
    ({"depth": ""}, "depth: must have at least one value, but got none"),
    ({"depth": []}, "depth: must have at least one value, but got none"),
    ({"depth": True}, DEPTH + "True"),
    ({"depth": None}, DEPTH + "None"),
    ({"depth": 2.5}, DEPTH + "2.5"),
    ({"depth": float("nan")}, DEPTH + "nan"),
    ({"depth": float("inf")}, DEPTH + "inf"),
    ({"depth": "1" + "0" * 400}, DEPTH + "1" + "0" * 99 + "… (401 characters)"),
    ({"depth": 10**400}, DEPTH + "1" + "0" * 99 + "… (401 characters)"),
    ({"depth": 10**5000}, DEPTH + "a number of thousands of digits"),
    ({"x" * 24_000: "5"}, f"unknown setting '{'x' * 100}… (24,000 characters)'."),
    ({"activation": "x(" * 12_000}, "activation: activation 'x(x("),
    ({"depth": ":" * 24_000}, RANGE + ":" * 100 + "… (24,000 characters)"),
    ({"depth": "5,5"}, "depth: 5 is given twice"),
    ({"depth": "5,05"}, "depth: 5 is given twice"),
    ({"depth": "5:5"}, f"depth: the range 5:5 is empty; {EMPTY}"),
    ({"depth": "9:5"}, f"depth: the range 9:5 is empty; {EMPTY}"),
    ({"depth": "1:9:0"}, RANGE + "1:9:0"),
    ({"depth": "1:x"}, RANGE + "1:x"),
    ({"depth": ":5"}, RANGE + ":5"),
    ({"depth": "0:5"}, DEPTH + "0"),
    ({"depth": "900:1100"}, DEPTH + "1099"),
    ({"depht": "5"}, "unknown setting 'depht'; did you mean 'depth'? Known: "),
    ({"activation": "tahn"}, "activation: unknown activation 'tahn'; did you mean 'tanh'? Known: "),
    ({"activation": "relu(x=1)"}, "activation: relu: takes no arguments, but got 'x'"),
    ({"activation": 3}, "activation: must be text such as tanh, but got 3"),
    ({"init": "normal(std=nan)"}, "init: normal: std must be above 0, at most 1000, but got nan"),
    ({"init": "normal(std=1),normal(std=1.0)"}, "init: normal(std=1.0) is given twice"),
    ({"init": "normal,normal(std=0.01)"}, "init: normal is given twice"),
    ({"loss": "summ"}, "loss: must be " + LOSSES + ", but got summ; did you mean 'sum'?"),
    ({"dtype": "float16"}, "dtype: must be one of float32, float64, but got float16; did you mean 'float64'?"),
    ({"base_lr": "0", **TRAINING}, "base_lr: must be above 0, at most 1e+06, but got 0"),
    ({"base_lr": "nan", **TRAINING}, "base_lr: must be above 0, at most 1e+06, but got nan"),
    ({"base_lr": "-0.1", **TRAINING}, "base_lr: must be above 0, at most 1e+06, but got -0.1"),
    ({"base_lr": "1e-3,0.001", **TRAINING}, "base_lr: 0.001 is given twice"),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED)
def test_bad_input_is_refused_in_one_sentence_with_field_value_and_mend(given, sentence):
    found = refusal(**given)
    assert "\n" not in found
    assert len(found) < 1_000
    assert found.startswith(sentence)


def test_every_fault_has_its_sentence():
    found = refusal(depth="0", activation="tahn", seeds="x", depht="3").split("\n")
    assert [line.split(":")[0].split(" '")[0] for line in found] == ["depth", "activation", "seeds", "unknown setting"]


IMPOSSIBLE = [
    ({"norm": "batch"}, "batch_size: batch norm takes its statistics over the batch"),
    ({"residual": "lesson_block", "batch_size": "4"}, "depth: lesson_block has 2 layers a block"),
    ({"residual": "lesson_block", "batch_size": "1", "depth": "4"}, "batch_size: batch norm takes its statistics"),
    ({"residual": "lesson_block", "norm": "layer", "depth": "4"}, "norm: lesson_block brings its own batch norm along"),
    (
        {"residual": "lesson_block", "dataset": "digits", "depth": "4", "batch_size": "4"},
        "width: lesson_block adds its input to its output, so width must be 64, the features of digits, but got 10",
    ),
    (
        {"dataset": "digits", "batch_size": "1438"},
        "batch_size: digits has 1,437 training rows, so it must be 1 to 1,437",
    ),
    ({"dataset": "xor", "batch_size": "5"}, "batch_size: xor has 4 training rows"),
    ({"steps": "5"}, "loss: training (steps=5) needs cross_entropy or mse, but got sum"),
    ({"steps": "5", "loss": "projection"}, "loss: training (steps=5) needs cross_entropy or mse, but got projection"),
    ({"optimizer": "sgd(nesterov=True)", **TRAINING}, "optimizer: sgd: nesterov=True needs a momentum above 0"),
]


@pytest.mark.parametrize(("given", "sentence"), IMPOSSIBLE)
def test_impossible_combinations_are_refused_in_one_sentence(given, sentence):
    found = refusal(**given)
    assert "\n" not in found
    assert len(found) < 1_000
    assert found.startswith(sentence)


def test_one_impossible_combination_refuses_the_sweep_and_is_named():
    found = refusal(depth="2,3", residual="none,lesson_block", batch_size="4")
    assert found.endswith("so depth must be even, but got 3 (at depth=3, residual=lesson_block)")


SEED_LISTS = [("20", range(20)), ("3:7", range(3, 7)), ("3,5", (3, 5)), ("5:6", range(5, 6)), (f"{2**63 - 1},0", None)]


@pytest.mark.parametrize(("text", "seeds"), SEED_LISTS)
def test_seeds_are_a_count_a_half_open_range_or_a_list(text, seeds):
    assert tuple(read_seeds(text)) == tuple(seeds if seeds is not None else (2**63 - 1, 0))
    assert read_seeds(seeds_text(read_seeds(text))) == read_seeds(text)


def test_without_seeds_there_is_seed_zero_alone():
    assert [run.seed for run in sweep().runs()] == [0]


BAD_SEEDS = [
    "0",
    "-1",
    "5:5",
    "7:3",
    "a",
    "1.5",
    "1e3",
    "",
    "3,3",
    "-1:4",
    "-1,4",
    "3,",
    "1:9:2",
    "1:2,5",
    f"0:{2**64}",
]
BAD_SEEDS += [f"{2**63},5", f"5,{2**63}", True, None, 2.5, [1.5], [True], [], [1, 1], ["a"], {"a": 1}, range(3, -3, -1)]
BAD_SEEDS += [[float("nan")], [float("inf")]]


@pytest.mark.parametrize("written", BAD_SEEDS, ids=repr)
def test_impossible_seeds_are_refused_in_one_sentence(written):
    found = refusal(seeds=written)
    assert found.startswith("seeds: ")
    assert "\n" not in found
    assert len(found) < 1_000


def test_every_field_stands_in_the_link_even_at_its_default():
    link = sweep(depth="2:9", **TRAINING).link()
    assert list(link) == [*Vanishing.names(), "seeds"]
    assert link["depth"] == "2:9"
    assert sweep(depth="2").link().keys() == link.keys() - {"optimizer", "base_lr"}


def test_the_text_form_is_a_command_line():
    text = sweep(depth="5,20", init="normal(std=0.1)").text()
    assert text.startswith("vanishing depth=5,20 width=10 activation=tanh 'init=normal(std=0.1)' norm=none ")
    assert text.endswith(" dtype=float32 seeds=1")


def test_points_are_frozen():
    point = Vanishing.point(depth=3)
    with pytest.raises(ValueError, match="frozen"):
        point.depth = 4


def test_a_point_is_refused_with_a_sentence_per_fault():
    with pytest.raises(ValueError) as caught:
        Vanishing.point(depth=0, loss="x", depht=3)
    lines = str(caught.value).split("\n")
    assert lines[0] == DEPTH + "0"
    assert lines[1].startswith("loss: must be one of")
    assert lines[2].startswith("unknown setting 'depht'; did you mean 'depth'?")


class Tiny(Settings):
    """Three settings without a contradiction."""

    size: int = whole(1, 1, 3)
    rate: float = positive(0.5, 2.0)
    word: str = choice("a", "b")


@given(
    size=st.lists(st.integers(1, 3), min_size=1, unique=True),
    rate=st.lists(st.floats(0, 2, exclude_min=True), min_size=1, max_size=3, unique=True),
    word=st.lists(st.sampled_from(["a", "b"]), min_size=1, unique=True),
    seeds=st.integers(1, 4),
)
def test_size_is_the_number_of_runs_where_no_setting_is_idle(size, rate, word, seeds):
    written = {"size": size, "rate": rate, "word": word, "seeds": seeds}
    asked = Sweep.read("tiny", 1, Tiny, written)
    runs = [(*run.settings.values().values(), run.seed) for run in asked.runs()]
    assert runs == list(itertools.product(size, rate, word, range(seeds)))
    assert asked.size == len(runs)


def test_the_experiment_its_version_and_the_seed_are_part_of_the_run_id():
    ids = {
        next(Sweep.read(name, version, Tiny, {"seeds": [seed]}).run_ids())
        for name, version, seed in itertools.product(("tiny", "small"), (1, 2), (0, 2**32))
    }
    assert len(ids) == 8


class Scheduled(Settings):
    """A part whose arguments are words and tuples."""

    scheduler: str = part("plateau", SCHEDULERS)


MILESTONES = st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
SCHEDULES = st.one_of(
    st.sampled_from(["plateau", "cosine", 'one_cycle(per="epoch")', "cyclic(mode='triangular2', per=epoch)"]),
    MILESTONES.map(lambda places: f"multi_step(milestones={places})"),
    MILESTONES.map(lambda places: f"multi_step(milestones={list(places)}, gamma=0.5, per='batch')"),
)


def scheduled(**given):
    return Sweep.read("scheduled", 1, Scheduled, given)


@given(st.lists(SCHEDULES, min_size=1, max_size=4, unique_by=lambda text: str(SCHEDULERS.parse(text))))
def test_words_and_tuples_are_read_back_from_the_link_its_url_and_the_command_line(schedules):
    asked = scheduled(scheduler=",".join(schedules))
    assert asked.axes["scheduler"] == tuple(str(SCHEDULERS.parse(text)) for text in schedules)
    assert scheduled(**asked.link()).key == asked.key
    url = urllib.parse.urlencode(asked.link())
    assert scheduled(**dict(urllib.parse.parse_qsl(url))).link() == asked.link()
    name, *fields = shlex.split(asked.text())
    assert name == "scheduled"
    assert scheduled(**dict(field.split("=", 1) for field in fields)).link() == asked.link()


def test_a_tuple_written_by_hand_is_one_value_of_a_sweep():
    asked = scheduled(scheduler="multi_step(milestones=(10,20)),cosine,one_cycle(per='epoch')")
    assert asked.link()["scheduler"] == 'multi_step(milestones=(10, 20)),cosine,one_cycle(per="epoch")'
    assert asked.text().startswith("""scheduled 'scheduler=multi_step(milestones=(10, 20)),cosine,one_cycle(per="ep""")


def test_one_schedule_spelled_in_two_ways_is_given_twice():
    with pytest.raises(ValueError, match=r'^scheduler: one_cycle\(per="epoch"\) is given twice$'):
        scheduled(scheduler="one_cycle(per=epoch),one_cycle(per='epoch')")


def test_numpy_numbers_and_arrays_are_read_like_lists():
    kind = experiment("vanishing")
    asked = kind.sweep(
        {"depth": np.array([5, 20]), "base_lr": np.float64(0.1), "width": np.int64(7), "seeds": np.int64(3)}
    )
    assert (asked.axes["depth"], asked.axes["width"], asked.seeds) == ((5, 20), (7,), range(3))
    assert kind.sweep({"seeds": np.arange(2, 4)}).seeds == (2, 3)
