"""Remedies: their members, their trainings against plain PyTorch and against the other engine, charts, findings."""

import io
import math
import urllib.parse

import numpy as np
import pandas as pd
import pytest

import core
from core.experiments import experiment
from core.experiments.remedies.summary import skill
from core.parts import baselines
from core.parts.remedies import MEMBERS, REMEDIES
from core.words import three_digits
from tests.core.experiments.odd_frames import assert_all_drawn_and_left_alone, cut_and_emptied
from tests.core.scripts.interpreter import printed_by

KIND, CLIPPING = experiment("remedies"), experiment("clipping")
SMALL = {"dataset": "wine", "width": 13, "depth": 4, "batch_size": 20, "epochs": 3, "dtype": "float64"}
CASES = {entry.name: SMALL | {"remedy": entry.name} for entry in REMEDIES} | {
    "sgd": SMALL | {"remedy": "together", "optimizer": "sgd(momentum=0.9)", "base_lr": 0.1},
    "float32": SMALL | {"remedy": "relu_he", "dtype": "float32"},
    "numbers": SMALL | {"remedy": "relu_he", "dataset": "diabetes", "width": 8},
    "diverged": SMALL | {"remedy": "relu_he", "optimizer": "sgd", "base_lr": 1e6},
}


def run_of(name, seed=1):
    (run,) = KIND.sweep({**CASES[name], "seeds": f"{seed}:{seed + 1}"}).runs()
    return run


def frame_of(given):
    """A sweep's frame, computed in stacks."""
    blocks = {}
    runs = list(KIND.sweep(given).runs())
    for task in KIND.tasks(runs):
        for run, found in zip(task, KIND.compute(task, "cpu"), strict=True):
            blocks[run.id] = pd.DataFrame(found).assign(run=run.id, seed=run.seed, **run.settings.values())
    return pd.concat([blocks[run.id] for run in runs], ignore_index=True)[list(KIND.columns)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return printed_by({name: KIND.code(run_of(name)) for name in CASES}, tmp_path_factory.mktemp("scripts"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_the_engine_measures(printed, name):
    ours = pd.DataFrame(KIND.compute([run_of(name)], "cpu")[0]).drop(columns="theory_grad_rms")
    plain = pd.read_csv(io.StringIO(printed[name]))
    assert sorted(plain.columns) == sorted(ours.columns)
    tight = 1e-4 if name == "float32" else 1e-9
    for column in plain.columns:
        if name == "diverged":  # sizes whose squares leave float64 are infinite in plain PyTorch
            np.testing.assert_array_equal(plain[column].isna(), ours[column].isna(), err_msg=column)
        elif plain[column].dtype == bool:
            np.testing.assert_array_equal(plain[column], ours[column], err_msg=column)
        else:
            np.testing.assert_allclose(plain[column], ours[column], rtol=tight, atol=1e-13, err_msg=column)


@pytest.mark.parametrize("name", ["relu_he", "batch_norm", "layer_norm", "clipping", "together"])
def test_a_training_is_the_one_that_the_training_engine_does(name):
    run = run_of(name)
    ours = pd.DataFrame(KIND.compute([run], "cpu")[0])
    whole = ours[ours["layer"] == 1].reset_index(drop=True)
    same = {key: value for key, value in run.settings.values().items() if key != "remedy"}
    (other,) = CLIPPING.sweep({**same, "model": "mlp", "seeds": "1:2"}).runs()
    theirs = pd.DataFrame(CLIPPING.compute([other], "cpu")[0])
    for column in ("train_loss", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(whole[column], theirs[column], rtol=1e-9, err_msg=column)


def test_a_run_is_the_same_alone_and_in_a_stack():
    runs = list(KIND.sweep(SMALL | {"remedy": "plain,clipping,he", "dtype": "float32", "seeds": 3}).runs())
    (task,) = KIND.tasks(runs)
    for run, together in zip(task, KIND.compute(task, "cpu"), strict=True):
        (alone,) = KIND.compute([run], "cpu")
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name], values, err_msg=name)


def test_a_remedys_members_stand_as_columns_and_follow_from_it():
    for entry in REMEDIES:
        (point,) = KIND.sweep(SMALL | {"remedy": entry.name}).points
        assert {name: getattr(point, name) for name in MEMBERS} == entry.members
    with pytest.raises(ValueError, match=r"^activation: comes with the remedy relu, relu; leave it out"):
        list(KIND.sweep({"remedy": "relu", "activation": "tanh"}).points)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"remedy": "rellu"}, "unknown remedy 'rellu'; did you mean 'relu'?"),
        ({"dataset": "adding"}, "dataset: a remedy is tried on rows of a table"),
        ({"dataset": "gaussian"}, "dataset: a remedy is tried on rows of a table"),
        ({"remedy": "residual_blocks", "depth": 5}, "depth: lesson_block has 2 layers a block"),
        ({"remedy": "batch_norm", "batch_size": 1}, "batch_size: batch norm takes its statistics over the batch"),
        ({"epochs": 0}, "epochs: must be"),
    ],
)
def test_bad_input_gets_a_sentence(given, told):
    with pytest.raises(ValueError) as refusal:
        list(KIND.sweep(given).points)
    assert told in str(refusal.value)


@pytest.mark.slow
def test_the_lessons_remedies_learn_where_twenty_plain_layers_stay_at_chance():
    frame = frame_of({"remedy": "plain,relu_he,residual_blocks,batch_norm", "epochs": 5, "seeds": 4})
    own = KIND.analysis(frame).summary.query("measure == 'final_val_accuracy'").set_index("remedy")
    assert (own["n"] == 4).all()
    assert own.loc["plain", "ci_high"] < 0.15
    for name in ("relu_he", "residual_blocks", "batch_norm"):
        assert own.loc[name, "ci_low"] > 0.3, name
    decay = KIND.analysis(frame).summary.query("measure == 'decay_factor'").set_index("remedy")["mean"]
    assert decay["batch_norm"] == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), rel=0.05)
    codes = {(finding.code, finding.message.split(":")[0]) for finding in core.findings(frame)}
    assert codes == {("vanishing_gradients", "plain")}


def test_clipping_rescues_no_vanishing_gradient():
    frame = frame_of({"remedy": "plain,clipping", "depth": 12, "epochs": 2, "seeds": 2})
    own = KIND.analysis(frame).summary.query("measure == 'final_val_accuracy'")["mean"]
    assert (own < 0.2).all()


def test_who_learns_is_measured_against_the_largest_class():
    assert skill(0.9, 0.9) == 0 and skill(0.95, 0.9) == pytest.approx(0.5)
    frame = frame_of(SMALL | {"dataset": "breast_cancer", "remedy": "plain,relu_he", "epochs": 5, "seeds": 2})
    majority = 357 / 569
    learned = {"plain": majority + 0.01, "relu_he": 0.95}
    told = frame.assign(val_accuracy=frame["remedy"].map(learned).where(frame["val_accuracy"].notna()))
    numbers = {label: (value, note) for label, value, note in KIND.headline(KIND.analysis(told))}
    assert (
        numbers["Remedies that learn"][0] == "1 of 1"
        and "63.2% of the rows, in runs that all survive: relu_he." in numbers["Remedies that learn"][1]
    )
    chart = KIND.figures(KIND.analysis(told))["accuracy"].titled().to_dict()
    assert (
        " ".join(chart["title"]["text"])
        == "relu_he gets 95.0% right on average; the plain network does no better than guessing: 63.7%"
    )
    assert "Always answering the largest class gets" in " ".join(chart["title"]["subtitle"])


def test_a_remedy_stands_by_its_name_beside_baselines(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    baselines.keep("wine", baselines.measure("wine"))
    frame = frame_of(SMALL | {"dataset": "wine", "remedy": "plain,relu_he", "epochs": 20, "seeds": 2})
    (told,) = (value for label, value, _ in KIND.headline(KIND.analysis(frame)) if label == "Beside baselines")
    assert told.startswith("the accuracy of relu_he ")


def test_a_remedy_that_lost_runs_is_praised_for_none_of_the_others():
    frame = frame_of(SMALL | {"remedy": "plain,relu_he", "seeds": 3})
    measured = [name for name in KIND.measures if frame[name].dtype == float]
    lost = frame["remedy"].eq("relu_he") & frame["seed"].eq(0)
    told = frame.assign(**{name: frame[name].mask(lost) for name in measured})
    assert KIND.headline(KIND.analysis(told))[0][0] == "Highest: plain"
    title = KIND.figures(KIND.analysis(told))["loss"].title
    assert title.startswith("plain has the lowest training loss")
    alone = told[told["remedy"] == "relu_he"]
    assert "(2 of 3 runs, the others diverged)" in KIND.figures(KIND.analysis(alone))["loss"].title


def test_a_deep_network_that_answers_the_largest_class_alone_is_found_out():
    frame = frame_of({"remedy": "plain", "dataset": "breast_cancer", "epochs": 5, "seeds": 3})
    (finding,) = core.findings(frame)
    assert finding.code == "vanishing_gradients" and finding.evidence["stuck"] == 1.0
    assert "the accuracy stays at that of the largest class, 63.2%, in 100% of the runs" in finding.message
    query = finding.link.removeprefix("/Remedies?")
    assert KIND.sweep(dict(urllib.parse.parse_qsl(query, strict_parsing=True))).points


def test_a_gradient_that_reaches_no_hidden_layer_or_not_the_first_is_said():
    frame = frame_of(SMALL | {"remedy": "relu", "depth": 4})
    (name,) = (name for name in KIND.figures(KIND.analysis(frame)) if name.startswith("gradients of"))
    last = frame["step"].max()
    for zero, words in (
        (frame["layer"] <= 2, "layer 1's gradient is 0× the last hidden layer's at first, 0× at the end"),
        (frame["layer"] <= 4, "layer 1's gradient is 0× the last hidden layer's at first, 0× at the end"),
        (
            (frame["layer"] == 1) & (frame["step"] == last),
            "× the last hidden layer's at first, 0× at the end",
        ),
        (frame["layer"] == 4, "layer 1's gradient is ∞× the last hidden layer's at first"),
    ):
        title = KIND.figures(KIND.analysis(frame.assign(grad_rms=frame["grad_rms"].mask(zero, 0.0))))[name].title
        assert words in title


def test_heatmap_and_finding_speak_of_the_same_ratio():
    frame = frame_of({"remedy": "plain", "depth": 12, "epochs": 1, "seeds": 2})
    (finding,) = core.findings(frame)
    words = f"layer 1's gradient is {three_digits(finding.evidence['first_over_last'])}× the last hidden layer's"
    (title,) = (
        figure.title for name, figure in KIND.figures(KIND.analysis(frame)).items() if name.startswith("gradients of")
    )
    assert words in finding.message and words in title


@pytest.mark.slow
def test_charts_and_summaries_survive_odd_frames():
    frame = frame_of(SMALL | {"remedy": "plain,relu_he", "depth": "2,4", "seeds": 2})
    odd = cut_and_emptied(KIND, frame, rows=5)
    assert_all_drawn_and_left_alone(KIND, [*odd, frame.assign(grad_rms=0.0)])


def test_a_link_of_several_remedies_leads_back_to_them():
    sweep = KIND.sweep({"remedy": "plain,relu_he,together", "depth": "10,20", "seeds": 3})
    again = KIND.sweep(sweep.link())
    assert list(again.run_ids()) == list(sweep.run_ids())


def test_a_link_over_datasets_of_other_batch_sizes_leads_back_to_them():
    schedulers = experiment("schedulers")
    sweep = schedulers.sweep({"dataset": "digits,xor", "epochs": 2})
    assert {point.batch_size for point in sweep.points} == {4, 64}
    assert list(schedulers.sweep(sweep.link()).run_ids()) == list(sweep.run_ids())
