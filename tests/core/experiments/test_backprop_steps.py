"""The walk through one step, in words and LaTeX, and the pictures of one run."""

import json

import numpy as np
import pytest

import core
from core.engine.by_hand import SimpleNeuralNet
from core.experiments.backprop import film as closely
from core.experiments.backprop import pictures, steps

KIND = core.experiment("backprop")
FILMS = {
    "the lesson's": {"epochs": 60},
    "one epoch": {"epochs": 1},
    "zeros": {"init": "zeros", "epochs": 20},
    "one unit": {"hidden": 1, "epochs": 20},
    "many units": {"hidden": 40, "epochs": 20, "activation": "relu"},
    "moons": {"dataset": "moons(samples=60)", "epochs": 20, "activation": "tanh"},
    "thirty inputs": {"dataset": "breast_cancer", "epochs": 5},
    "diverged": {"dataset": "moons(samples=60)", "activation": "identity", "base_lr": 1e6, "epochs": 400},
}


@pytest.fixture(scope="module", params=FILMS)
def film(request):
    return closely.film(KIND.one_run(FILMS[request.param]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (0.5, "0.5"), (-1.23456, "-1.23"), (0.00012345, r"1.2{\cdot}10^{-4}"), (1234.5, "1234"),
     (np.nan, r"\text{–}"), (np.inf, r"\infty")],
)  # fmt: skip
def test_a_number_has_three_digits(value, text):
    assert steps.number(value) == text


def test_a_matrix_shows_all_of_a_small_one_and_the_beginning_of_a_large_one():
    assert steps.matrix(np.array([[1.0, 2.0], [3.0, 4.5]])) == r"\begin{bmatrix}1 & 2 \\ 3 & 4.5\end{bmatrix}"
    large = steps.matrix(np.arange(100.0).reshape(10, 10))
    assert large.count(r"\\") == steps.ROWS
    assert r"\cdots" in large and r"\vdots" in large
    assert "60" not in large


def test_the_walk_goes_forward_back_and_updates_with_the_steps_own_numbers():
    rng = np.random.default_rng(0)
    network = SimpleNeuralNet(*(rng.normal(size=shape) for shape in ((2, 3), (1, 3), (3, 1), (1, 1))))
    X, y = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0], [0.0]])
    step = closely.step_of(network, X, y)
    walk = steps.operations(step, 0.5)
    assert [operation.way for operation in walk] == ["forward"] * 5 + ["back"] * 7 + ["update"]
    results = [*step.forward, step.loss, *step.backward, network.W2 - 0.5 * step.backward.dW2]
    for operation, result in zip(walk, results, strict=True):
        written = steps.number(result) if isinstance(result, float) else steps.matrix(result)
        assert written in operation.numbers, operation.title
        assert operation.words.endswith(".")


def test_the_chain_is_written_as_a_product_and_a_mean():
    assert steps.chain({"a": 2.0, "b": -0.5}, -1.0) == r"2 \cdot (-0.5) = -1"
    assert steps.mean_of([1.0, -3.0], -1.0) == r"\frac{1}{2}\big(1 + (-3)\big) = -1"


def test_the_three_losses_of_a_step():
    step = closely.step_of(SimpleNeuralNet(np.zeros((2, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1))),
                           np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0], [0.0]]))  # fmt: skip
    assert steps.losses(step) == pytest.approx(dict.fromkeys(("right", "naive", "lesson"), np.log(2)))


@pytest.mark.slow
def test_every_picture_draws_every_epoch_of_every_film(film):
    for epoch in (0, int(film.epochs[len(film.epochs) // 2]), int(film.epochs[-1])):
        step = closely.step_of(film.network(epoch), film.X, film.y)
        drawn = [
            pictures.network_chart(step), pictures.ranked_chart(step), pictures.boundary_chart(film, epoch),
            pictures.loss_course(film, epoch), pictures.gradients_course(film, epoch),
            pictures.predictions_course(film, epoch), pictures.losses_chart(film),
        ]  # fmt: skip
        for chart in drawn:
            said = json.dumps(chart.titled().to_dict()["title"]["text"]) + json.dumps(
                chart.titled().to_dict().get("datasets", {})
            )
            assert "NaN" not in said and "Infinity" not in said
        assert steps.operations(step, 1.0)


def test_the_picture_draws_every_weight_with_its_own_gradient():
    film = closely.film(KIND.one_run({"epochs": 10}))
    step = closely.step_of(film.network(10), film.X, film.y)
    nodes, edges = pictures.drawn_network(step)
    assert len(nodes) == 2 + 1 + 4 + 1 + 1
    assert len(edges) == 17
    table = closely.three_ways(step.network, step.X, step.y).set_index("name")
    np.testing.assert_array_equal(edges["weight"], table.loc[edges["name"], "value"])
    np.testing.assert_array_equal(edges["gradient"], table.loc[edges["name"], "by_hand"])
    assert (edges.loc[edges["sign"] == "negative weight", "weight"] < 0).all()
    assert edges["name"].iloc[edges["width"].argmax()] == table["value"].abs().idxmax()
