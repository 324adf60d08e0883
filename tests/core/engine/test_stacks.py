"""How runs are grouped: all of them, once, like with like, in pieces that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.engine import PAD, padded, stacks
from core.experiments import experiment

VANISHING = experiment("vanishing")
CPU = stacks.LIMITS["cpu"]
LIGHT = stacks.Load(1000.0, 10_000.0, 1e-4)


def grouped(items, load=LIGHT):
    """Tasks of (shape, member, number) items."""
    return stacks.tasks(
        items, "cpu", lambda item: item[0], lambda item: item[:2], lambda item: item[0], lambda item: load
    )


ITEMS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 9)), unique=True, max_size=60)
LOADS = st.builds(stacks.Load, st.floats(1, 1e9), st.floats(1, 1e12), st.floats(1e-9, 1e4))


@given(ITEMS, LOADS)
def test_every_item_is_in_one_task_and_a_task_holds_one_shape(items, load):
    tasks = grouped(items, load)
    assert sorted(item for task in tasks for item in task) == sorted(items)
    assert all(len({shape for shape, _, _ in task}) == 1 for task in tasks)


@given(ITEMS, LOADS)
def test_items_that_draw_the_same_stay_together(items, load):
    tasks = grouped(items, load)
    for member in {item[:2] for item in items}:
        assert sum(any(item[:2] == member for item in task) for task in tasks) == 1


@given(ITEMS, LOADS)
def test_a_task_of_several_members_stays_within_time_memory_and_size(items, load):
    for task in grouped(items, load):
        members = {item[:2] for item in task}
        if len(members) > 1:
            assert len(members) <= CPU.runs
            assert len(members) * load.total_bytes <= CPU.bytes
            each = max(sum(item[:2] == member for item in task) for member in members)
            assert len(members) * each * load.seconds <= stacks.TASK_SECONDS * 1.001


@pytest.mark.parametrize("device", stacks.LIMITS)
@pytest.mark.parametrize("name", core.NAMES)
def test_every_experiment_is_planned_for_every_device(name, device):
    kind = experiment(name)
    runs = list(kind.sweep(kind.presets[0].settings).runs())
    tasks = kind.tasks(runs, device)
    assert sorted(run.settings.values().__repr__() + str(run.seed) for task in tasks for run in task) == sorted(
        run.settings.values().__repr__() + str(run.seed) for run in runs
    )
    assert len(tasks) <= len(kind.tasks(runs, "cpu"))


def test_no_items_make_no_tasks():
    assert grouped([]) == []


def test_pieces_are_even():
    tasks = grouped([(0, number, 0) for number in range(CPU.runs + 2)])
    assert [len(task) for task in tasks] == [CPU.runs // 2 + 1] * 2


def test_the_longest_task_comes_first():
    tasks = stacks.tasks(
        [(shape, number) for shape in (1, 5, 3) for number in range(4)],
        "cpu",
        lambda item: item[0],
        lambda item: item,
        lambda item: item[0],
        lambda item: LIGHT._replace(seconds=0.01 * item[0]),
    )
    assert [task[0][0] for task in tasks] == [5, 3, 1]


def related(seconds):
    """Tasks of two members of each of the shapes 1 to 4, which are one family; a shape's item costs ``seconds`` times it."""
    return stacks.tasks(
        [(shape, number) for shape in (1, 2, 3, 4) for number in range(2)],
        "cpu",
        lambda item: item[0],
        lambda item: item[1],
        lambda item: "family",
        lambda item: LIGHT._replace(seconds=seconds * item[0]),
    )


def test_shapes_that_draw_the_same_join_in_a_task_the_heaviest_first():
    assert related(0.01) == [[(shape, number) for shape in (4, 3, 2, 1) for number in range(2)]]


def test_shapes_that_draw_the_same_do_not_join_beyond_the_time_of_a_task():
    tasks = related(stacks.JOINED_SECONDS / 10)
    assert [sorted({shape for shape, _ in task}) for task in tasks] == [[2, 3], [4], [1]]


def test_a_run_too_heavy_for_a_stack_is_a_task_of_its_own():
    tasks = grouped([(0, number, 0) for number in range(5)], stacks.Load(1e12, 1e13, 1e5))
    assert [len(task) for task in tasks] == [1] * 5


@pytest.mark.parametrize(("size", "expected"), [(1, 16), (16, 16), (17, 32), (64, 64), (4095, 4096)])
def test_sizes_are_padded_up_to_whole_blocks(size, expected):
    assert padded(size) == expected
    assert padded(size) % PAD == 0


@pytest.mark.parametrize("name", ["depth", "width", "features", "batch_size", "passes", "itemsize"])
def test_more_of_anything_costs_no_less(name):
    small = {"depth": 3, "width": 32, "features": 32, "batch_size": 32, "passes": 1, "itemsize": 4}
    one, twice = stacks.network_load(**small), stacks.network_load(**(small | {name: 2 * small[name]}))
    assert all(more >= less for more, less in zip(twice, one, strict=True))
    assert twice != one


def test_runs_of_a_sweep_are_all_in_one_task_each_with_their_like():
    asked = VANISHING.sweep({"depth": "2,5", "activation": "tanh,relu", "init": "lesson,zeros", "seeds": "40"})
    runs = list(asked.runs())
    tasks = VANISHING.tasks(runs)
    assert sorted(run.id for task in tasks for run in task) == sorted(run.id for run in runs)
    assert [len(task) for task in tasks] == [320]  # both depths draw the same layers


def test_runs_that_differ_in_activation_alone_share_a_task():
    tasks = VANISHING.tasks(VANISHING.sweep({"activation": "tanh,relu,gelu", "seeds": "700"}).runs())
    assert len(tasks) > 1
    for task in tasks:
        seeds = [run.seed for run in task]
        assert all(seeds.count(seed) == 3 for seed in seeds)


@pytest.mark.parametrize("name", ["dtype", "loss", "norm", "batch_size", "dataset", "optimizer", "steps", "residual"])
def test_runs_of_another_shape_are_in_another_task(name):
    values = {
        "dtype": "float32,float64",
        "loss": "cross_entropy,mse",
        "norm": "none,layer",
        "batch_size": "4,5",
        "dataset": "gaussian,wine",
        "optimizer": "adam,sgd",
        "steps": "1,2",
        "residual": "none,identity",
    }
    given = {"loss": "mse", "steps": "1", "batch_size": "4"} | {name: values[name]}
    assert len(VANISHING.tasks(VANISHING.sweep(given).runs())) == 2
