"""Every dataset: the sizes it promises, the split, the standardization."""

import math

import numpy as np
import pytest
from sklearn import datasets as shipped
from sklearn.model_selection import train_test_split

from core.parts.datasets import DATASETS, SHIPPED, shape_of, table
from core.parts.splits import guess

TABLES = [entry.name for entry in DATASETS if entry.rows is not None and entry.complete is None]
TABLES += ["moons(samples=21)", "circles(samples=20, noise=0)", "spirals(samples=33, turns=3)"]


@pytest.mark.parametrize("text", TABLES)
def test_the_promised_shape_is_that_of_the_loaded_table(text):
    part = DATASETS.parse(text)
    shape, data = part.entry.shape(**part.arguments), table(part)
    assert data.train_inputs.shape == (shape.training_rows, shape.features)
    assert data.validation_inputs.shape[1] == shape.features
    if shape.classes:
        assert set(np.unique(data.train_labels)) == set(range(shape.classes))
        _, labels = part.entry.rows(**part.arguments)
        assert shape.majority == np.bincount(labels).max() / len(labels)
    else:
        assert math.isnan(shape.majority)
    assert len(data.train_labels) == len(data.train_inputs)
    assert len(data.validation_labels) == len(data.validation_inputs)
    assert data.train_inputs.dtype == data.validation_inputs.dtype == np.float32
    assert data.train_labels.dtype == data.validation_labels.dtype == (np.int64 if shape.classes else np.float32)
    assert np.isfinite(data.train_inputs).all()


@pytest.mark.parametrize("text", [text for text in TABLES if not DATASETS.parse(text).entry.whole])
def test_a_table_is_standardized_on_its_training_part(text):
    inputs = table(DATASETS.parse(text)).train_inputs.astype(float)
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-5)
    spread = inputs.std(0)
    assert (np.isclose(spread, 1, atol=1e-4) | (spread == 0)).all()  # a pixel that is always dark has no spread


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer"])
def test_real_tables_are_split_as_train_test_split_does_by_class(name):
    inputs, labels = getattr(shipped, f"load_{name}")(return_X_y=True)
    train, validation, train_labels, validation_labels = train_test_split(
        inputs, labels, test_size=0.2, random_state=0, stratify=labels
    )
    data = table(DATASETS.parse(name))
    np.testing.assert_array_equal(data.train_labels, train_labels)
    np.testing.assert_array_equal(data.validation_labels, validation_labels)
    mean, spread = train.mean(0), train.std(0)
    spread[spread == 0] = 1
    np.testing.assert_allclose(data.train_inputs, (train - mean) / spread, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data.validation_inputs, (validation - mean) / spread, rtol=1e-5, atol=1e-5)


def test_a_target_that_is_a_number_is_split_and_standardized_on_its_training_part():
    inputs, target = shipped.load_diabetes(return_X_y=True)
    _, _, train, validation = train_test_split(inputs, target, test_size=0.2, random_state=0)
    data = table(DATASETS.parse("diabetes"))
    np.testing.assert_allclose(data.train_labels, (train - train.mean()) / train.std(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.validation_labels, (validation - train.mean()) / train.std(), rtol=1e-5, atol=1e-6)
    assert (data.train_labels.astype(float) ** 2).mean() == pytest.approx(
        1.0, rel=1e-5
    )  # the loss of guessing the mean


def test_xor_is_trained_and_validated_on_its_four_points_as_they_are():
    data = table(DATASETS.parse("xor"))
    assert data.train_inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.train_labels.tolist() == [0, 1, 1, 0]
    assert data.validation_inputs.tolist() == data.train_inputs.tolist()


@pytest.mark.parametrize("name", ["moons", "circles", "spirals"])
def test_a_drawn_table_is_the_same_each_time(name):
    part = DATASETS.parse(name)
    first, again = part.entry.rows(**part.arguments), part.entry.rows(**part.arguments)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_spirals_without_noise_lie_on_two_arms_half_a_circle_apart():
    part = DATASETS.parse("spirals(samples=200, noise=0, turns=2)")
    inputs, labels = part.entry.rows(**part.arguments)
    radius = np.hypot(*inputs.T)
    arms = np.where(labels == 1, -1.0, 1.0)[:, None] * inputs
    expected = np.stack([np.cos(4 * np.pi * radius), np.sin(4 * np.pi * radius)], axis=1) * radius[:, None]
    np.testing.assert_allclose(arms, expected, atol=1e-12)


def test_gaussian_inputs_are_as_many_as_the_units_unless_said_otherwise():
    shape = DATASETS.parse("gaussian").entry.shape(features=None)
    assert (shape.features, shape.classes, shape.training_rows, shape.length, shape.majority) == (
        None,
        10,
        None,
        0,
        0.1,
    )
    part = DATASETS.parse("gaussian(features=7)")
    assert part.entry.shape(**part.arguments).features == 7


@pytest.mark.parametrize("name", SHIPPED)
def test_what_guessing_gets_on_a_shipped_table_is_known_without_it(name):
    part = DATASETS.parse(name)
    known, measured = shape_of(name).on_rows, guess(table(part))
    assert known == pytest.approx(tuple(measured), rel=1e-12, nan_ok=True)
