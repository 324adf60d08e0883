"""Gradients through time: against plain autograd, against the bound, and the experiment as a whole."""

import itertools
import math

import numpy as np
import pytest
import torch

import core
from core import files, tables
from core.engine import draws
from core.engine.recurrent import recurrent_layer
from core.experiments import experiment, experiment_of
from core.experiments.through_time.settings import PRESETS, ThroughTime
from core.parts.inits import INITS

NAMES = ThroughTime.names()
KIND = experiment("through_time")
SMALL = {"width": "10", "batch_size": "7", "dataset": "adding(length=12, samples=40)"}
RTOL = {"float32": 1e-4, "float64": 1e-10}


def measured(runs):
    """Each run's columns, by run, computed task by task."""
    return {
        run: columns for task in KIND.tasks(runs) for run, columns in zip(task, KIND.compute(task, "cpu"), strict=True)
    }


def frame_of(**given):
    runs = list(KIND.sweep(given).runs())
    found = measured(runs)
    blobs = tables.encode([found[run] for run in runs])
    return tables.to_frame(tables.assemble(runs, blobs, NAMES, (*KIND.index, *KIND.measures)))


def plain(run):
    """The norms of ∂L/∂(state at t) by autograd through PyTorch's cells, and the root mean square of the states."""
    settings, dtype = run.settings, getattr(torch, run.settings.dtype)
    gates, width = {"rnn": 1, "lstm": 4, "gru": 3}[settings.model], settings.width
    inputs, targets = draws.adding(run.seed, "train", settings.data.training_rows, settings.data.length)
    picked = draws.order(run.seed, 0, len(inputs))[: settings.batch_size]
    inputs, targets = inputs[picked].to(dtype), targets[picked].to(dtype)
    cell = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[settings.model](2, width)
    with torch.no_grad():
        for gate, (offset, kind, fan_in) in itertools.product(range(gates), ((1, "ih", 2), (2, "hh", width))):
            weight, bias = recurrent_layer(settings.init, run.seed, 2 * gate + offset, width, fan_in)
            rows = slice(gate * width, (gate + 1) * width)
            getattr(cell, f"weight_{kind}")[rows] = weight * settings.gain if kind == "hh" else weight
            getattr(cell, f"bias_{kind}")[rows] = 0.0 if bias is None else bias
    cell = cell.to(dtype)
    init, layer = INITS.parse(settings.init), 2 * gates + 1
    readout = init.entry.weight(draws.generator(run.seed, "weight", layer), 1, width, **init.arguments).to(dtype)
    shift = 0.0
    if init.entry.bias is not None:
        shift = init.entry.bias(draws.generator(run.seed, "bias", layer), 1, width, **init.arguments).to(dtype)
    h = c = torch.zeros(len(inputs), width, dtype=dtype)
    watched, states = [], []
    for t in range(settings.data.length):
        if settings.model == "lstm":
            h, c = cell(inputs[:, t], (h, c))
            c = c.clone()  # what is handed on: h's own way through the cell does not count here
            watched.append((h, c))
        else:
            h = cell(inputs[:, t], h)
            watched.append((h,))
        states.append(h.detach().double())
        for tensor in watched[-1]:
            tensor.retain_grad()
    ((h @ readout.T + shift).squeeze(1) - targets).square().mean().backward()
    norms = [
        math.sqrt(sum(float((part.grad.double() ** 2).sum()) for part in parts if part.grad is not None))
        for parts in watched
    ]
    return np.array(norms), np.array([float(state.square().mean().sqrt()) for state in states])


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("dtype", RTOL)
def test_gradients_and_states_are_those_of_plain_autograd(model, dtype):
    asked = KIND.sweep(SMALL | {"model": model, "dtype": dtype, "init": "orthogonal,torch_default", "gain": "0.7,1.6"})
    for run, columns in measured(list(asked.runs())).items():
        norms, states = plain(run)
        np.testing.assert_allclose(columns["grad_norm"], norms, rtol=RTOL[dtype], err_msg=str(run))
        np.testing.assert_allclose(columns["state_rms"], states, rtol=RTOL[dtype], err_msg=str(run))


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("dtype", RTOL)
def test_a_run_is_the_same_alone_and_in_a_stack(model, dtype):
    asked = {
        "model": model,
        "dtype": dtype,
        "init": "orthogonal,torch_default,he_normal",
        "gain": "0.5,1,2",
        "seeds": "3",
    }
    runs = list(KIND.sweep(SMALL | asked).runs())
    for run, columns in zip(runs, KIND.compute(runs, "cpu"), strict=True):
        (alone,) = KIND.compute([run], "cpu")
        for measure in KIND.measures:
            np.testing.assert_array_equal(columns[measure], alone[measure], err_msg=measure)


@pytest.mark.parametrize("init", ["orthogonal", "torch_default", "he_normal", "normal(std=2.0)"])
def test_no_gradient_is_above_its_bound(init):
    frame = frame_of(**SMALL, init=init, gain="0.3,1,3", seeds="5")
    assert (frame["grad_norm"] <= frame["grad_norm_bound"] * (1 + 1e-9)).all()
    last = frame[frame["time"] == 12]
    np.testing.assert_array_equal(last["grad_norm"], last["grad_norm_bound"])


def test_the_bound_is_reached_where_tanh_is_linear():
    frame = frame_of(width="1", init="normal(std=1e-4)", gain="100", dataset="adding(length=12)", seeds="5")
    assert frame["state_rms"].max() < 1e-3
    np.testing.assert_allclose(frame["grad_norm"], frame["grad_norm_bound"], rtol=1e-5)


def test_an_orthogonal_gain_of_a_half_halves_the_gradient_at_each_step_and_one_nearly_keeps_it():
    factors = KIND.analysis(frame_of(gain="0.5,1", seeds="10")).runs.groupby("gain")["decay_factor"].mean()
    assert 0.48 < factors[0.5] < 0.5  # tanh' takes the rest
    assert 0.9 < factors[1.0] < 1.0


def test_orthogonal_weights_times_a_gain_have_it_as_spectral_radius():
    frame = frame_of(**SMALL, gain="0.5,1.25", seeds="3")
    np.testing.assert_allclose(frame["spectral_radius"], frame["gain"], rtol=1e-5)


def test_the_bound_and_the_radius_are_of_the_plain_network_alone():
    frame = frame_of(**SMALL, model="lstm,gru")
    assert frame[["spectral_radius", "grad_norm_bound"]].isna().all().all()
    assert frame["grad_norm"].notna().all()


def test_gradients_whose_squares_underflow_are_resolved():
    frame = frame_of(dataset="adding(length=300, samples=40)", batch_size="7", width="10", gain="0.1")
    ratios = frame["grad_norm"].to_numpy()[:-1] / frame["grad_norm"].to_numpy()[1:]
    assert frame["grad_norm"].min() < 1e-290
    assert ((ratios > 0.08) & (ratios < 0.1)).all()


def test_a_frame_has_its_columns_and_a_row_per_run_and_time_step():
    frame = frame_of(**SMALL, model="rnn,lstm", gain="1,2", seeds="2")
    assert tuple(frame.columns) == KIND.columns
    assert list(zip(frame["model"], frame["gain"], frame["seed"], frame["time"], strict=True)) == list(
        itertools.product(("rnn", "lstm"), (1.0, 2.0), (0, 1), range(1, 13))
    )
    assert experiment_of(frame) == "through_time"


def test_the_defaults_are_those_of_the_contract():
    assert ThroughTime.point().values() == {
        "model": "rnn",
        "width": 32,
        "gain": 1.0,
        "init": "orthogonal",
        "dataset": "adding",
        "batch_size": 64,
        "dtype": "float64",
    }
    assert ThroughTime.point(dataset="adding(samples=20)").batch_size == 20


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"model": "mlp"}, "model: mlp has no time steps; use one of rnn, lstm, gru"),
        ({"model": "transformer"}, "model: transformer hands no state from step to step; use one of rnn, lstm, gru"),
        ({"dataset": "digits"}, "dataset: rnn reads sequences; use dataset=adding, not digits"),
        ({"dataset": "gaussian"}, "dataset: rnn reads sequences; use dataset=adding, not gaussian"),
        ({"batch_size": 1281}, "batch_size: adding has 1,280 sequences, so it must be 1 to 1,280, but got 1,281"),
        ({"gain": 0}, "gain: must be above 0, at most 100, but got 0"),
        ({"gain": 101}, "gain: must be above 0, at most 100, but got 101"),
        ({"gain": "nan"}, "gain: must be above 0, at most 100, but got nan"),
        ({"dtype": "float16"}, "dtype: must be one of float64, float32, but got float16"),
        ({"depth": 2}, "unknown setting 'depth'"),
    ],
)
def test_what_has_no_gradients_through_time_is_refused_in_a_sentence(given, sentence):
    with pytest.raises(ValueError, match="^" + sentence.replace("(", r"\(")) as caught:
        ThroughTime.point(**given)
    assert "\n" not in str(caught.value)


def test_a_run_summary_fits_the_decay_factor_of_each_run():
    frame = frame_of(**SMALL, model="rnn,gru", seeds="3")
    table = KIND.analysis(frame).runs
    assert len(table) == 6
    for _, row in table.iterrows():
        mine = frame[frame["run"] == row["run"]]
        slope = np.polyfit(mine["time"], np.log(mine["grad_norm"]), 1)[0]
        assert row["decay_factor"] == pytest.approx(math.exp(-slope))
    assert table.loc[table["model"] == "gru", "spectral_radius"].isna().all()


def test_a_summary_has_a_row_per_setting_and_measure():
    frame = frame_of(**SMALL, gain="0.5,1", seeds="4")
    table = KIND.analysis(frame).summary
    assert list(table.columns) == [*NAMES, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    assert list(zip(table["gain"], table["measure"], strict=True)) == list(
        itertools.product((0.5, 1.0), ("decay_factor", "spectral_radius"))
    )
    assert (table["n"] == 4).all()
    decays = table[table["measure"] == "decay_factor"]
    assert (decays["ci_low"] <= decays["mean"]).all() and (decays["mean"] <= decays["ci_high"]).all()
    assert KIND.analysis(frame.iloc[:0]).summary.empty


def test_a_summary_survives_a_file(tmp_path):
    frame = frame_of(**SMALL, model="rnn,lstm", seeds="2")
    files.save(files.one_piece(tables.from_frame(frame)), tmp_path / "frame.csv")
    again = core.summary(files.read(str(tmp_path / "frame.csv")))
    np.testing.assert_allclose(again["mean"], KIND.analysis(frame).summary["mean"])


def test_more_steps_units_and_rows_cost_more():
    base = KIND.cost(ThroughTime.point())
    assert base.rows == 50
    for changes in ({"width": 200}, {"batch_size": 500}, {"dataset": "adding(length=200)"}, {"model": "lstm"}):
        assert KIND.cost(ThroughTime.point(**changes)).seconds > base.seconds
    assert KIND.cost(ThroughTime.point(dtype="float32")).seconds < base.seconds


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_a_possible_sweep_that_can_be_computed(preset):
    asked = KIND.sweep(preset.settings)
    assert sum(KIND.cost(point).seconds for point in asked.points) * len(asked.seeds) < 30
    first = next(asked.runs())
    (columns,) = KIND.compute([first], "cpu")
    assert len(columns["time"]) == KIND.cost(first.settings).rows
    assert np.isfinite(columns["grad_norm"]).all()


def test_expected_is_a_frame_without_rows():
    expected = KIND.expected(KIND.sweep({}))
    assert tuple(expected.columns) == KIND.columns
    assert expected.empty


def test_findings_name_what_vanishes_and_what_explodes_and_leave_the_rest_alone():
    frame = frame_of(gain="0.5,1.2,3", seeds="10")
    found = core.findings(frame)
    assert [(own.code, own.severity) for own in found] == [
        ("vanishing_gradients", "error"),
        ("exploding_gradients", "error"),
    ]
    assert "recurrent gain 0.5: gradients vanish, by 0.492× a time step" in found[0].message
    assert found[0].evidence["decay_factor"] == pytest.approx(0.493, abs=0.01)
    assert found[0].evidence["first_over_last"] < 1e-14
    for own in found:
        query = dict(part.split("=", 1) for part in own.link.partition("?")[2].split("&"))
        KIND.sweep(query).points  # noqa: B018  # the link opens a possible sweep


def test_findings_of_one_seed_need_a_line_that_the_fit_explains():
    assert [own.code for own in core.findings(frame_of(gain="0.5"))] == ["vanishing_gradients"]
    assert core.findings(frame_of(gain="1.2")) == []
    assert core.findings(frame_of(init="zeros")) == []
    assert core.findings(frame_of().iloc[:0]) == []


def test_the_remedy_cures_what_the_finding_names():
    (found,) = core.findings(frame_of(gain="0.5", seeds="10"))
    query = dict(part.split("=", 1) for part in found.link.partition("?")[2].split("&"))
    cured = core.findings(frame_of(**query))
    assert [own.message.split(":")[0] for own in cured] == ["recurrent gain 0.5"]


def test_the_story_is_the_pages_text():
    assert not KIND.explanation.startswith(KIND.question)
    assert "$$" in KIND.explanation
    assert KIND.question.endswith("?")


def test_the_headline_has_the_same_labels_before_and_after_a_run():
    frame = frame_of()
    before, after = ([label for label, _, _ in KIND.headline(KIND.analysis(own))] for own in (frame.iloc[:0], frame))
    assert before == after
