"""The lesson's network: its loss, its stacks, and what it promises."""

import math

import numpy as np
import pytest
import torch

from core.engine import by_hand
from core.engine.by_hand import SimpleNeuralNet, compute_loss, lesson_loss, naive_loss, sigmoid
from core.engine.by_hand_stack import TENSORS, Member, Stack, networks, training_record
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def test_the_lesson_is_solved_and_prints_its_losses_and_predictions(capsys):
    by_hand.main()
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split()[-1]) for line in lines if line.startswith("epoch")]
    assert len(losses) == 11
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.02
    predictions = [float(line.split()[-1]) for line in lines[-4:]]
    assert [round(value) for value in predictions] == [0, 1, 1, 0]


def test_training_returns_the_loss_before_every_update_and_after_the_last(capsys):
    network = by_hand.lesson_network(2, 4, seed=1)
    losses = network.train(X, Y, epochs=7, print_every=0)
    assert len(losses) == 8
    assert losses[-1] == float(compute_loss(network.forward(X).z2, Y))
    assert capsys.readouterr().out == ""


def test_the_sigmoid_is_right_and_never_overflows():
    z = np.array([-1000.0, -700.0, -1.0, 0.0, 1.0, 40.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        found = sigmoid(z)
    np.testing.assert_allclose(found, torch.sigmoid(torch.tensor(z)).numpy(), rtol=1e-14, atol=1e-320)


def test_the_loss_is_pytorchs_and_stays_finite_where_a_prediction_has_become_zero_or_one():
    z2 = np.array([[800.0], [-800.0], [2.0], [-3.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(z2), torch.tensor(y))
    assert float(compute_loss(z2, y)) == pytest.approx(float(wanted), rel=1e-14)
    assert not math.isfinite(naive_loss(sigmoid(z2), y))


def test_the_naive_loss_is_the_same_where_it_is_a_number():
    z2 = np.array([[2.0], [-1.0], [0.5], [-3.0]])
    assert naive_loss(sigmoid(z2), Y) == pytest.approx(float(compute_loss(z2, Y)), rel=1e-14)


def test_the_lessons_loss_compares_every_prediction_with_every_answer():
    a2 = np.array([[0.1], [0.8], [0.7], [0.2]])
    pairs = [y * math.log(a) + (1 - y) * math.log(1 - a) for a in a2[:, 0] for y in Y[:, 0]]
    assert lesson_loss(a2, Y) == pytest.approx(-sum(pairs) / 16, rel=1e-14)


def test_the_lessons_loss_rises_while_the_network_learns():
    network = by_hand.lesson_network(2, 4, seed=2)
    first = network.forward(X)
    network.train(X, Y, print_every=0)
    last = network.forward(X)
    assert compute_loss(last.z2, Y) < 0.1 * compute_loss(first.z2, Y)
    assert lesson_loss(last.a2, Y) > 2 * lesson_loss(first.a2, Y)


def test_units_that_start_at_zero_stay_alike():
    network = SimpleNeuralNet(np.zeros((2, 3)), np.zeros((1, 3)), np.zeros((3, 1)), np.zeros((1, 1)))
    network.train(X, np.array([[0.0], [0.0], [0.0], [1.0]]), print_every=0)
    assert np.ptp(network.W1, axis=1).max() == 0
    assert np.ptp(network.W2) == 0
    assert np.abs(network.W2).max() > 1
    on_xor = SimpleNeuralNet(np.zeros((2, 3)), np.zeros((1, 3)), np.zeros((3, 1)), np.zeros((1, 1)))
    on_xor.train(X, Y, print_every=0)
    assert not any(getattr(on_xor, name).any() for name in TENSORS)


def test_the_first_weights_are_those_of_every_other_experiment():
    from core.engine import draws

    stack = Stack(DATASETS.parse("xor"), 4, "sigmoid", 1, (Member("torch_default", 1.0, 3), Member("lesson", 1.0, 5)))
    ours = networks(stack, 2)
    linears = draws.linears(((4, 2), (1, 4)), (("torch_default", 3), ("lesson", 5)), torch.float64, "cpu")
    np.testing.assert_array_equal(ours.W1, linears.weights[0][:, :4, :2].mT.numpy())
    np.testing.assert_array_equal(ours.b1, linears.biases[0][:, :4].mT.numpy())
    np.testing.assert_array_equal(ours.W2, linears.weights[1][:, :1, :4].mT.numpy())
    np.testing.assert_array_equal(ours.b2, linears.biases[1][:, :1].mT.numpy())


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [1, 4, 7, 33])
@pytest.mark.parametrize("dataset", ["xor", "moons(samples=61)", "breast_cancer"])
@pytest.mark.parametrize("activation", [entry.name for entry in ACTIVATIONS])
def test_a_run_is_the_same_alone_and_in_a_stack(activation, dataset, hidden):
    members = tuple(Member("he_normal", 10.0 ** (seed % 4 - 2), seed) for seed in range(11))
    stack = Stack(DATASETS.parse(dataset), hidden, activation, 12, members)
    together = training_record(stack, (12,))
    for r in (0, 3, 10):
        alone = training_record(stack._replace(members=(members[r],)), (12,))
        for name, values in alone.measured.items():
            np.testing.assert_array_equal(values[0], together.measured[name][r], err_msg=name)
        for name, values in alone.snapshots.items():
            np.testing.assert_array_equal(values[0], together.snapshots[name][r], err_msg=name)


def test_a_run_that_diverges_has_no_numbers_from_there_on_and_changes_no_other():
    members = (Member("he_normal", 1e5, 0), Member("he_normal", 0.1, 1))
    stack = Stack(DATASETS.parse("moons(samples=100)"), 4, "identity", 3000, members)
    found = training_record(stack).measured
    lost = np.isnan(found["train_loss"][0])
    assert not lost[0] and (np.diff(lost.astype(int)) >= 0).all()
    for values in found.values():
        assert np.isnan(values[0][lost]).all()
    np.testing.assert_array_equal(
        found["train_loss"][1], training_record(stack._replace(members=members[1:])).measured["train_loss"][0]
    )
