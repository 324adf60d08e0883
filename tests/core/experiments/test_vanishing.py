"""The experiment as a whole: its frame, theory, summaries and presets."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import core
from core import files, tables
from core.diagnosis.finding import Finding
from core.experiments import experiment
from core.experiments.vanishing.decay_charts import split_title
from core.experiments.vanishing.settings import PRESETS, TRAINED, Vanishing
from core.theory import mean_field

KIND = experiment("vanishing")
NAMES = Vanishing.names()


def frame_of(**given):
    runs = list(KIND.sweep(given).runs())
    blobs = tables.encode(KIND.compute(runs, "cpu"))
    return tables.to_frame(tables.assemble(runs, blobs, NAMES, (*KIND.index, *KIND.measures)))


def test_an_unknown_experiment_gets_the_nearest():
    with pytest.raises(ValueError, match="unknown experiment 'vanising'; did you mean 'vanishing'"):
        experiment("vanising")


def test_the_defaults_are_the_lessons_network():
    (run,) = KIND.sweep({}).runs()
    assert run.settings.values() == {
        "depth": 5,
        "width": 10,
        "activation": "tanh",
        "init": "torch_default",
        "norm": "none",
        "residual": "none",
        "dataset": "gaussian",
        "batch_size": 1,
        "loss": "sum",
        "steps": 0,
        "dtype": "float32",
    }


def test_a_frame_has_its_columns_and_a_row_per_run_step_and_layer():
    frame = frame_of(depth="2,3", loss="mse", steps="2", seeds="2")
    assert tuple(frame.columns) == KIND.columns
    places = list(zip(frame["depth"], frame["seed"], frame["step"], frame["layer"], strict=True))
    expected = [
        (depth, seed, step, layer)
        for depth, seed, step in itertools.product((2, 3), (0, 1), (0, 1, 2))
        for layer in range(1, depth + 2)  # the readout is the last
    ]
    assert places == expected


def test_results_come_in_the_order_of_the_runs_whatever_they_are():
    runs = list(KIND.sweep({"activation": "tanh,relu", "depth": "2,3", "seeds": "2"}).runs())[::-1]
    for run, columns in zip(runs, KIND.compute(runs, "cpu"), strict=True):
        (alone,) = KIND.compute([run], "cpu")
        assert len(columns["layer"]) == run.settings.depth
        assert np.array_equal(columns["grad_rms"], alone["grad_rms"])


def test_a_row_does_not_depend_on_the_steps_that_follow():
    short, long = (frame_of(loss="mse", steps=steps, batch_size="4") for steps in ("2", "5"))
    columns = ["train_loss", "grad_rms", "weight_rms", "activation_rms"]
    first = long[long["step"] <= 2]
    np.testing.assert_array_equal(short[columns], first[columns])


def test_training_lowers_the_loss_on_real_data():
    given = {"dataset": "wine", "loss": "cross_entropy", "batch_size": "32", "base_lr": "0.02", "activation": "relu"}
    frame = frame_of(depth="2", width="32", init="he_normal", steps="60", seeds="2", **given)
    loss = frame.groupby(["seed", "step"])["train_loss"].first().unstack("step")
    assert (loss.iloc[:, -10:].mean(axis=1) < 0.2 * loss[0]).all()


def test_theory_stands_at_initialization_of_hidden_layers_alone():
    assert frame_of(loss="projection")["theory_grad_rms"].notna().all()
    assert frame_of(loss="mse", steps="1")["theory_grad_rms"].isna().all()
    assert frame_of(activation="relu")["theory_grad_rms"].isna().all()


def test_expected_is_the_frame_as_theory_has_it():
    asked = KIND.sweep({"depth": "3,5", "activation": "tanh,relu", "loss": "projection", "seeds": "4"})
    expected = KIND.expected(asked)
    assert tuple(expected.columns) == KIND.columns
    assert len(expected) == 2 * 3 + 2 * 5
    assert expected["grad_rms"].isna().all()
    measured = frame_of(depth="3,5", activation="tanh,relu", loss="projection")
    np.testing.assert_array_equal(expected["theory_grad_rms"], measured["theory_grad_rms"])


def test_a_run_summary_has_a_row_per_run_and_its_decay_factor():
    frame = frame_of(depth="5,9", loss="projection", seeds="3")
    table = KIND.analysis(frame).runs
    assert len(table) == 6
    for _, row in table.iterrows():
        mine = frame[frame["run"] == row["run"]]
        slope = np.polyfit(mine["layer"], np.log(mine["grad_rms"]), 1)[0]
        assert row["decay_factor"] == pytest.approx(math.exp(-slope))
        slope = np.polyfit(mine["layer"], np.log(mine["theory_grad_rms"]), 1)[0]
        assert row["decay_factor_theory"] == pytest.approx(math.exp(-slope))


def test_a_run_summary_of_training_has_the_last_loss_and_decay():
    frame = frame_of(loss="mse", steps="3", seeds="2", batch_size="4")
    table = KIND.analysis(frame).runs.set_index("run")
    last = frame[frame["step"] == 3]
    for run, rows in last.groupby("run"):
        assert table.loc[run, "final_train_loss"] == rows["train_loss"].iloc[0]
        hidden = rows[rows["layer"] <= rows["depth"]]
        slope = np.polyfit(hidden["layer"], np.log(hidden["grad_rms"]), 1)[0]
        assert table.loc[run, "decay_factor_last"] == pytest.approx(math.exp(-slope))


def test_a_run_that_diverged_has_no_last_loss():
    frame = frame_of(
        depth="2", dataset="digits", batch_size="32", loss="mse", steps="12", optimizer="sgd", base_lr="1000"
    )
    assert np.isfinite(frame["train_loss"].iloc[0])
    assert KIND.analysis(frame).runs["final_train_loss"].isna().all()


def test_a_summary_has_a_row_per_setting_and_measure():
    frame = frame_of(depth="5,9", loss="projection", seeds="4")
    table = KIND.analysis(frame).summary
    assert list(table.columns) == [*NAMES, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    measures = ["decay_factor", "decay_factor_theory", "decay_factor_pooled"]
    assert list(zip(table["depth"], table["measure"], strict=True)) == list(itertools.product((5, 9), measures))
    assert (table["n"] == 4).all()
    runs = KIND.analysis(frame).runs
    mean = table[(table["depth"] == 9) & (table["measure"] == "decay_factor")]["mean"].item()
    assert mean == pytest.approx(runs.loc[runs["depth"] == 9, "decay_factor"].mean())
    pooled = table[(table["depth"] == 9) & (table["measure"] == "decay_factor_pooled")].iloc[0]
    assert pooled["ci_low"] <= pooled["mean"] <= pooled["ci_high"]


def test_summaries_survive_a_file(tmp_path):
    frame = frame_of(depth="4", loss="projection", seeds="3")
    files.save(files.one_piece(tables.from_frame(frame)), tmp_path / "frame.csv")
    again = KIND.analysis(files.read(str(tmp_path / "frame.csv"))).summary
    np.testing.assert_allclose(again["mean"], KIND.analysis(frame).summary["mean"])


def test_the_lessons_tanh_shrinks_as_theory_says_and_its_weights_cost_one_over_root_three():
    frame = frame_of(depth="20", width="64", loss="projection", seeds="20")
    (row,) = KIND.analysis(frame).settings.to_dict("records")
    assert row["weights"] == pytest.approx(1 / math.sqrt(3), rel=0.01)
    assert row["theory"] < 0.65
    assert row["decay"] == pytest.approx(row["theory"], rel=0.03)


def test_more_steps_layers_and_rows_cost_more():
    small = Vanishing.point(loss="mse", steps=2, batch_size=16)
    cost = KIND.cost(small)
    assert cost.rows == 3 * 6
    for changes in ({"depth": 50}, {"width": 200}, {"batch_size": 500}, {"steps": 9}, {"dtype": "float64"}):
        assert KIND.cost(Vanishing.point(**(small.values() | changes))).seconds > cost.seconds


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_a_possible_sweep_that_can_be_computed(preset):
    asked = KIND.sweep(preset.settings)
    assert preset.note.strip()
    assert sum(KIND.cost(point).seconds for point in asked.points) * len(asked.seeds) < 120
    first = next(asked.runs())
    (columns,) = KIND.compute([first], "cpu")
    assert len(columns["layer"]) == KIND.cost(first.settings).rows
    assert np.isfinite(columns["grad_rms"]).all()


def test_presets_have_names_of_their_own():
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)


def test_theory_applies_to_no_training_loss():
    assert not any(mean_field.applies("tanh", "none", "none", "gaussian", loss) for loss in TRAINED)


def test_the_story_is_the_pages_text():
    assert not KIND.explanation.startswith(KIND.question)
    assert "$$" in KIND.explanation
    assert KIND.question.endswith("?")


def test_a_number_as_target_has_no_cross_entropy():
    with pytest.raises(ValueError, match="the target of diabetes is a number, not a class; use loss=mse"):
        _ = experiment("vanishing").sweep({"dataset": "diabetes", "loss": "cross_entropy"}).points


@pytest.mark.parametrize(
    "more", [{}, {"norm": "batch", "batch_size": 8}, {"residual": "lesson_block", "batch_size": 8}]
)
def test_a_run_is_the_same_alone_and_among_deeper_networks_whose_forward_pass_it_shares(more):
    given = {"depth": "2,6,4", "width": 10, "activation": "tanh,gelu", "init": "torch_default,he_normal", "seeds": 2}
    runs = list(KIND.sweep(given | more).runs())
    together = KIND.compute(runs, "cpu")
    for run, found in zip(runs, together, strict=True):
        (alone,) = KIND.compute([run], "cpu")
        for name, values in alone.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_a_mended_setting_is_told_from_the_sick_one():
    analysis = KIND.analysis(frame_of(depth="20", init="torch_default,xavier_normal", seeds="3"))
    findings = KIND.findings(analysis)
    assert {finding.code for finding in findings} == {"vanishing_gradients"}
    assert KIND.sound_settings(analysis, findings) == ["xavier_normal"]
    about_all = [*findings, Finding("no_progress", "warning", "Nothing moves.")]
    assert KIND.sound_settings(analysis, about_all) == []


def test_the_split_names_its_cause_setting_by_setting():
    found = KIND.analysis(frame_of(depth="10", activation="sigmoid,relu", init="xavier_normal", width="64", seeds="3"))
    title = KIND.figures(found)["split"].title
    assert title.startswith("What shrinks the gradient, sigmoid: φ' does ")
    assert "relu: φ' does 100%" in title  # Xavier's weights keep a signal's size, half of ReLU's slopes are zero
    table = pd.DataFrame({"weights": [-0.1, 0.1, -0.2, 0.0], "φ'": [-0.3, -0.2, -0.1, 0.0]}, index=list("abcd"))
    assert split_title(table[:1]) == "φ' does 75% of the shrinking"
    assert split_title(table[2:3]) == "The weights do 67% of the shrinking"
    assert split_title(table) == (
        "φ' does most of the shrinking in 2 of 4 settings, the weights in 1; in 1 nothing shrinks"
    )


@pytest.mark.parametrize("name", ["dead", "saturated"])
def test_a_frame_whose_units_were_not_measured_is_judged_all_the_same(name):
    frame = frame_of(depth="20", seeds="3").assign(**{name: math.nan})
    assert "vanishing_gradients" in {finding.code for finding in core.findings(frame)}
