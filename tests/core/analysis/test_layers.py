"""Per-layer profiles of hand-made frames, where every answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from core.analysis.layers import MEANS, decay_factor, decay_table, layer_profile, pooled_decay, root_mean_square
from core.analysis.points import group_by_settings

SETTINGS = ["depth", "width", "activation", "norm", "residual"]


def run_rows(gradients, seed=0, step=0, **changes):
    """One run's rows at one step, a layer per gradient."""
    settings = {"depth": len(gradients), "width": 4, "activation": "tanh", "norm": "none", "residual": "none"} | changes
    name = "-".join(map(str, [*settings.values(), seed]))
    rows = []
    for layer, gradient in enumerate(gradients, start=1):
        row = {"run": name, **settings, "seed": seed, "step": step, "layer": layer, "grad_rms": gradient}
        row |= dict.fromkeys(MEANS, 0.25) | {"theory_grad_rms": 0.5 ** (len(gradients) - layer)}
        rows.append(row | {"underflow": gradient == 0})
    return rows


def frame_of(*runs):
    return pd.DataFrame([row for run in runs for row in run])


def geometric(factor, depth=5, last=3.0):
    """Gradients that change by ``factor`` per layer towards the input."""
    return [last * factor ** (depth - layer) for layer in range(1, depth + 1)]


@pytest.mark.parametrize("factor", [0.1, 0.577, 1.0, 1.21, 1e-60, 1e60])
def test_the_decay_of_a_geometric_profile_is_its_factor(factor):
    found = decay_factor(np.arange(1, 6), np.array(geometric(factor)))
    assert found == pytest.approx(factor, rel=1e-9)


def test_layers_without_a_gradient_are_left_out_of_the_decay():
    gradients = geometric(0.5)
    gradients[1] = 0.0
    gradients[3] = math.nan
    assert decay_factor(np.arange(1, 6), np.array(gradients)) == pytest.approx(0.5)


def test_the_decay_of_fewer_than_two_gradients_is_empty():
    layers = np.arange(1, 4)
    assert np.isnan(decay_factor(layers, np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))).all()
    assert np.isnan(decay_factor(np.arange(1, 2), np.array([[1.0]]))).all()


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e-300, 1e200])
def test_root_mean_square_survives_squares_that_underflow_or_overflow(scale):
    assert root_mean_square(np.array([3.0, 4.0]) * scale) == pytest.approx(math.sqrt(12.5) * scale)


def test_root_mean_square_of_zeros_is_zero_and_of_nothing_is_empty():
    values = np.array([[0.0, math.nan, 3.0], [0.0, math.nan, math.inf]])
    found = root_mean_square(values)
    assert found[0] == 0.0
    assert math.isnan(found[1])
    assert found[2] == pytest.approx(3.0)


def test_root_mean_square_runs_over_the_axis_asked_for():
    values = np.arange(24.0).reshape(2, 3, 4)
    for axis in (0, 1, 2, -2):
        np.testing.assert_allclose(root_mean_square(values, axis), np.sqrt((values**2).mean(axis)))


def test_a_layer_profile_folds_seeds_by_root_mean_square():
    frame = frame_of(run_rows([3e-200, 3.0], seed=0), run_rows([4e-200, 4.0], seed=1))
    profile = layer_profile(frame, group_by_settings(frame, SETTINGS))
    assert profile["layer"].tolist() == [1, 2]
    assert profile["n"].tolist() == [2, 2]
    np.testing.assert_allclose(profile["grad_rms"], [math.sqrt(12.5) * 1e-200, math.sqrt(12.5)])
    np.testing.assert_allclose(profile["grad_low"], [3.1e-200, 3.1])
    np.testing.assert_allclose(profile["grad_high"], [3.9e-200, 3.9])
    np.testing.assert_allclose(profile["theory_grad_rms"], [0.5, 1.0])
    np.testing.assert_allclose(profile["saturated"], 0.25)


def test_a_layer_profile_counts_finite_gradients_alone():
    frame = frame_of(run_rows([1.0, 0.0], seed=0), run_rows([math.inf, 0.0], seed=1))
    profile = layer_profile(frame, group_by_settings(frame, SETTINGS))
    assert profile["n"].tolist() == [1, 2]
    assert profile["underflow"].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(profile["grad_rms"].fillna(0.0), [1.0, 0.0])


def test_points_are_numbered_in_order_of_appearance_and_named_by_what_varies():
    frame = frame_of(run_rows([1.0], activation="tanh", norm="none"), run_rows([1.0, 1.0], activation="relu"))
    number, table = group_by_settings(frame, SETTINGS)
    assert number.tolist() == [0, 1, 1]
    assert table["label"].tolist() == ["depth 1 · tanh", "depth 2 · relu"]


def test_a_single_point_is_called_all_runs():
    _, table = group_by_settings(frame_of(run_rows([1.0]), run_rows([2.0], seed=1)), SETTINGS)
    assert table["label"].tolist() == ["all runs"]


def test_an_empty_setting_and_none_are_worded():
    frame = frame_of(run_rows([1.0], norm="none", width=4), run_rows([1.0], norm="batch", width=None))
    _, table = group_by_settings(frame, SETTINGS)
    assert table["label"].tolist() == ["width 4 · norm none", "no width · batch"]


def test_a_decay_table_has_a_row_per_run_with_theory_beside_it():
    frame = frame_of(run_rows(geometric(0.7), seed=0), run_rows(geometric(0.8), seed=1))
    table = decay_table(frame, group_by_settings(frame, SETTINGS))
    assert table["seed"].tolist() == [0, 1]
    np.testing.assert_allclose(table["decay_factor"], [0.7, 0.8])
    np.testing.assert_allclose(table["decay_factor_theory"], 0.5)


def test_a_decay_table_does_not_depend_on_the_order_of_rows():
    frame = frame_of(run_rows(geometric(0.7), seed=0), run_rows(geometric(0.8), seed=1))
    shuffled = frame.sample(frac=1, random_state=0)
    found = decay_table(shuffled, group_by_settings(shuffled, SETTINGS)).sort_values("seed")
    np.testing.assert_allclose(found["decay_factor"], [0.7, 0.8])


def test_a_decay_table_takes_the_first_step_or_the_last():
    frame = frame_of(run_rows(geometric(0.5)), run_rows(geometric(0.6), step=1), run_rows(geometric(0.9), step=2))
    assert decay_table(frame, group_by_settings(frame, SETTINGS))["decay_factor"].tolist() == pytest.approx([0.5])
    assert decay_table(frame, group_by_settings(frame, SETTINGS), last=True)["decay_factor"].tolist() == pytest.approx(
        [0.9]
    )


def test_a_trained_readout_takes_no_part_in_the_decay():
    rows = run_rows([*geometric(0.5, depth=4), 1000.0])
    for row in rows:
        row["depth"] = 4
    frame = frame_of(rows)
    assert decay_table(frame, group_by_settings(frame, SETTINGS))["decay_factor"].tolist() == pytest.approx([0.5])


def test_the_pooled_decay_is_that_of_the_root_mean_square():
    frame = frame_of(
        *(run_rows([scale * g for g in geometric(0.6)], seed=seed) for seed, scale in enumerate((1, 2, 9)))
    )
    (row,) = pooled_decay(frame, group_by_settings(frame, SETTINGS)).to_dict("records")
    assert row["n"] == 3
    assert row["decay"] == pytest.approx(0.6)
    assert row["ci_low"] == pytest.approx(0.6)
    assert row["ci_high"] == pytest.approx(0.6)
    assert row["theory"] == pytest.approx(0.5)


def test_weights_and_slopes_multiply_to_the_decay():
    frame = frame_of(run_rows(geometric(0.3)), run_rows(geometric(0.3), seed=1))
    (row,) = pooled_decay(frame, group_by_settings(frame, SETTINGS)).to_dict("records")
    assert row["weights"] == pytest.approx(math.sqrt(4) * 0.25)  # √width · RMS weight
    assert row["weights"] * row["slopes"] == pytest.approx(row["decay"])


@pytest.mark.parametrize("changes", [{"norm": "batch"}, {"residual": "identity"}])
def test_weights_and_slopes_are_empty_where_a_norm_or_a_skip_takes_part(changes):
    frame = frame_of(run_rows(geometric(0.3), **changes))
    (row,) = pooled_decay(frame, group_by_settings(frame, SETTINGS)).to_dict("records")
    assert math.isnan(row["weights"])
    assert math.isnan(row["slopes"])


def test_one_seed_has_no_interval():
    frame = frame_of(run_rows(geometric(0.3)))
    (row,) = pooled_decay(frame, group_by_settings(frame, SETTINGS)).to_dict("records")
    assert row["decay"] == pytest.approx(0.3)
    assert math.isnan(row["ci_low"])
    assert math.isnan(row["ci_high"])


def test_a_table_that_lacks_rows_of_a_run_is_refused_in_a_sentence():
    frame = frame_of(run_rows(geometric(0.5)), run_rows(geometric(0.5), seed=1)).drop(index=3)
    with pytest.raises(ValueError, match="the table lacks rows of some runs"):
        decay_table(frame, group_by_settings(frame, SETTINGS))
    with pytest.raises(ValueError, match="the table lacks rows of some runs"):
        pooled_decay(frame, group_by_settings(frame, SETTINGS))


def test_an_empty_frame_has_empty_profiles():
    empty = frame_of(run_rows([1.0])).iloc[:0]
    assert len(decay_table(empty, group_by_settings(empty, SETTINGS))) == 0
    assert len(pooled_decay(empty, group_by_settings(empty, SETTINGS))) == 0
    assert len(layer_profile(empty, group_by_settings(empty, SETTINGS))) == 0
