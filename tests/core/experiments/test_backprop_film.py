"""One step looked at closely: by hand, by autograd, by definition, and as a product of local derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from core.engine.by_hand import SimpleNeuralNet, compute_loss
from core.experiments import experiment
from core.experiments.backprop import film as closely
from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS

KIND = experiment("backprop")
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def two_features():
    """Two features of a real table, its first 40 rows."""
    inputs, labels = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(inputs[:, [0, 1]])[:40], labels[:40].astype(float)[:, None]


DATA = {"xor": XOR, "two features of breast_cancer": two_features()}


def _network(activation, hidden, scale, seed):
    rng = np.random.default_rng(seed)
    shapes = ((2, hidden), (1, hidden), (hidden, 1), (1, 1))
    return SimpleNeuralNet(*(scale * rng.normal(size=shape) for shape in shapes), activation=activation)


networks = st.builds(
    _network,
    st.sampled_from([entry.name for entry in ACTIVATIONS]),
    st.integers(1, 6),
    st.sampled_from([0.1, 1.0, 2.0]),
    st.integers(0, 1000),
)


def by_hand_is_right(network, X, y):
    """By hand = autograd to 1e-12 and = central differences to 1e-6, whose own rounding is about 1e-10."""
    table = closely.three_ways(network, X, y)
    largest = table["by_hand"].abs().max()
    np.testing.assert_allclose(
        table["by_hand"], table["autograd"], rtol=1e-12, atol=1e-12 * largest + 1e-16
    )  # examples cancel
    if not closely.on_a_kink(closely.step_of(network, X, y)):
        np.testing.assert_allclose(table["difference"], table["by_hand"], rtol=1e-6, atol=1e-6 * largest + 1e-9)


@given(networks, st.sampled_from(list(DATA)))
@settings(max_examples=150, deadline=None)
def test_by_hand_is_autograd_and_the_definition(network, name):
    X, y = DATA[name]
    by_hand_is_right(network, X, y)


@pytest.mark.parametrize("init", [entry.name for entry in INITS])
@pytest.mark.parametrize("activation", [entry.name for entry in ACTIVATIONS])
@pytest.mark.parametrize("hidden", [1, 4])
def test_by_hand_is_autograd_and_the_definition_for_every_setting_while_it_trains(init, activation, hidden):
    run = KIND.one_run({"init": init, "activation": activation, "hidden": hidden, "epochs": 20, "base_lr": 0.5})
    film = closely.film(run)
    for epoch in (0, 20):
        by_hand_is_right(film.network(epoch), film.X, film.y)


@given(networks, st.sampled_from(list(DATA)))
@settings(max_examples=60, deadline=None)
def test_the_product_of_local_derivatives_is_the_gradient_of_every_weight(network, name):
    step = closely.step_of(network, *DATA[name])
    for tensor, row, column in closely.parameter_names(network):
        table = closely.paths(step, tensor, row, column)
        assert len(table) == len(step.y)
        factors = table.drop(columns=["example", "product"]).to_numpy()
        np.testing.assert_allclose(factors.prod(axis=1), table["product"], rtol=1e-14)
        gradient = getattr(step.backward, f"d{tensor}")[row, column]
        assert table["product"].mean() == pytest.approx(gradient, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("size", [40.0, 600.0])
def test_the_chain_rule_holds_where_the_prediction_has_become_one(size):
    network = SimpleNeuralNet(np.ones((2, 1)), np.zeros((1, 1)), np.full((1, 1), size), np.full((1, 1), size / 9))
    step = closely.step_of(network, *XOR)
    assert step.forward.a2[3, 0] == 1.0
    for place in closely.parameter_names(network):
        product = closely.paths(step, *place)["product"].mean()
        assert product == pytest.approx(getattr(step.backward, f"d{place[0]}")[place[1:]], rel=1e-10, abs=1e-14)


def test_a_corner_of_relu_is_told():
    network = SimpleNeuralNet(np.ones((2, 2)), np.zeros((1, 2)), np.ones((2, 1)), np.zeros((1, 1)), "relu")
    assert closely.on_a_kink(closely.step_of(network, *XOR))  # the input 0, 0 gives z₁ = 0
    assert not closely.on_a_kink(closely.step_of(network, XOR[0][1:], XOR[1][1:]))


def test_a_film_shows_the_training_that_the_experiment_measures():
    run = KIND.one_run({"epochs": 300, "seed": 3})
    film = closely.film(run)
    (measured,) = KIND.compute([run], "cpu")
    for name in KIND.measures:
        np.testing.assert_array_equal(film.measured[name], measured[name])
    assert film.epochs[0] == 0 and film.epochs[-1] == 300
    for epoch in film.epochs:
        step = closely.step_of(film.network(epoch), film.X, film.y)
        assert step.loss == measured["train_loss"][epoch]
        np.testing.assert_array_equal(
            step.forward.a2[:, 0], [measured[f"prediction_{b}"][epoch] for b in ("00", "01", "10", "11")]
        )


@pytest.mark.parametrize("epochs", [1, 3, 50, 51, 1000, 100_000])
def test_a_film_has_the_first_and_the_last_epoch_and_few_between(epochs):
    kept = closely.kept_epochs(epochs)
    assert kept[0] == 0 and kept[-1] == epochs
    assert list(kept) == sorted(set(kept))
    assert len(kept) <= closely.FRAMES + 1 + len(closely.EARLY)


def test_the_first_of_the_ranking_moves_the_loss_most():
    network = _network("tanh", 4, 1.0, 7)
    step = closely.step_of(network, *XOR)
    table = closely.ranked(step)
    assert len(table) == 17
    assert table["size"].is_monotonic_decreasing
    moved = {}
    for place, name in closely.parameter_names(network).items():
        values = {tensor: getattr(network, tensor).copy() for tensor in closely.TENSORS}
        values[place[0]][place[1:]] += 1e-3
        other = SimpleNeuralNet(**values, activation="tanh")
        moved[name] = abs(float(compute_loss(other.forward(step.X).z2, step.y)) - step.loss)
    assert max(moved, key=moved.get) == table["name"].iloc[0]


def test_a_map_covers_the_examples_and_holds_the_networks_predictions():
    network = _network("sigmoid", 3, 2.0, 1)
    table = closely.prediction_map(network, XOR[0])
    assert len(table) == closely.GRID**2
    assert table["x1"].min() < 0 and table["x1_end"].max() > 1
    middle = (table[["x1", "x2"]].to_numpy() + table[["x1_end", "x2_end"]].to_numpy()) / 2
    np.testing.assert_allclose(network.forward(middle).a2[:, 0], table["prediction"], rtol=1e-12)
