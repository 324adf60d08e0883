"""The training experiments: settings and their refusals, summaries, charts on odd frames, findings."""

import math
import re
import urllib.parse

import numpy as np
import pandas as pd
import pytest

import core
from core.analysis import curves, ranking
from core.analysis.baseline import guess_loss
from core.experiments import experiment
from core.experiments.clipping.headline import FAILED
from core.experiments.clipping.thresholds import suggested_threshold
from core.experiments.training import charts
from core.experiments.training.settings import MEASURES
from core.jobs import estimates
from core.parts import REGISTRIES
from core.words import three_digits

KINDS = {name: experiment(name) for name in ("schedulers", "clipping")}
NUMBERS = [name for name in MEASURES if name not in ("clipped", "diverged")]
QUICK = {
    "schedulers": {"dataset": "wine", "width": "8", "epochs": "3", "batch_size": "32"},
    "clipping": {"dataset": "adding(length=5, samples=24)", "width": "6", "epochs": "3", "batch_size": "8"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "results.sqlite")

    def frame(name, **settings):
        return core.run(name, executor="inline", store=path, **(QUICK[name] | settings))

    return frame


REFUSED = [
    ("schedulers", {"base_lr": "nan"}, "base_lr: must be above 0, at most 1e+06, but got nan"),
    ("schedulers", {"epochs": "0"}, "epochs: must be a whole number, 1 to 10000, but got 0"),
    ("schedulers", {"scheduler": "plateau(factor=1.5)"}, "plateau: factor must be above 0"),
    ("schedulers", {"scheduler": "one_cycle(max_lr=0.0001)"}, "one_cycle: max_lr must be base_lr (0.001) or more"),
    ("schedulers", {"scheduler": "cosin"}, "did you mean 'cosine'"),
    ("schedulers", {"model": "rnn"}, "dataset: rnn reads sequences; use dataset=adding, not digits"),
    ("schedulers", {"dataset": "adding"}, "dataset: mlp reads rows of a table; use dataset=digits, not adding"),
    ("schedulers", {"dataset": "gaussian"}, "dataset: gaussian is one batch of noise"),
    ("schedulers", {"norm": "batch", "batch_size": "1"}, "batch_size: batch norm takes its statistics over the batch"),
    ("schedulers", {"batch_size": "1438"}, "batch_size: digits has 1,437 training rows"),
    ("schedulers", {"depth": "3", "residual": "lesson_block"}, "depth: lesson_block has 2 layers a block"),
    ("clipping", {"clipper": "norm(max_norm=0)"}, "norm: max_norm must be above 0"),
    ("clipping", {"clipper": "auto(percentile=101)"}, "auto: percentile must be 0 to 100"),
    ("clipping", {"clipper": "nrom"}, "did you mean 'norm'"),
    ("clipping", {"depth": "3"}, "depth: has no effect in this sweep; only model=mlp or transformer has a choice"),
    ("clipping", {"model": "transformer", "norm": "layer"}, "norm: has no effect in this sweep; only model=mlp has a"),
    ("schedulers", {"model": "transformer"}, "dataset: transformer reads sequences; use dataset=adding, not digits"),
    (
        "clipping",
        {"model": "transformer", "width": "7"},
        "width: transformer shares it among 2 heads, so it must be a multiple of 2, but got 7",
    ),
    ("clipping", {"dataset": "adding(length=1)"}, "adding: length must be a whole number, 2 to"),
    ("clipping", {"batch_size": "1281"}, "batch_size: adding has 1,280 sequences"),
    ("clipping", {"scheduler": "cosine"}, "unknown setting 'scheduler'"),
]


@pytest.mark.parametrize(("name", "given", "sentence"), REFUSED)
def test_what_can_not_be_trained_is_refused_in_one_sentence(name, given, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        KINDS[name].sweep(given).points  # noqa: B018
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("dataset", "rows"), [("xor", 4), ("wine", 64), ("moons(samples=40)", 32)])
def test_the_batch_size_is_the_smaller_of_64_and_the_rows_unless_given(dataset, rows):
    kind = KINDS["schedulers"]
    (point,) = kind.sweep({"dataset": dataset}).points
    assert point.batch_size == rows
    assert kind.sweep({"dataset": dataset}).link()["batch_size"] == str(rows)
    (given,) = kind.sweep({"dataset": dataset, "batch_size": "2"}).points
    assert given.batch_size == 2


@pytest.mark.parametrize("name", KINDS)
def test_presets_are_possible_small_and_their_links_read_back(name):
    kind = KINDS[name]
    for preset in kind.presets:
        sweep = kind.sweep(preset.settings)
        assert kind.sweep(sweep.link()).key == sweep.key
        assert estimates.estimate(sweep).seconds < 60


def test_settings_that_a_recurrent_network_lacks_are_empty_and_stay_out_of_the_run_id(run):
    frame = run("clipping")
    for name in ("depth", "activation", "norm", "residual"):
        assert frame[name].isna().all()
    assert list(frame.columns) == list(KINDS["clipping"].columns)


def test_defaults_name_a_few_entries_by_hand():
    for kind in KINDS.values():
        assert estimates.estimate(kind.sweep({})).runs == 1


@pytest.mark.parametrize("name", KINDS)
def test_summaries_say_how_each_run_ended(run, name):
    frame = run(name, seeds=4, base_lr="0.001,0.01")
    runs = core.summary(frame, runs=True)
    assert len(runs) == 8
    for _, row in runs.iterrows():
        own = frame[frame["run"] == row["run"]]
        assert row["final_train_loss"] == own["train_loss"].iloc[-1]
        assert row["final_val_loss"] == own["val_loss"].iloc[-1]
        assert row["best_val_loss"] == own["val_loss"].min()
        ending = own.loc[own["epoch"] == own["epoch"].max(), "train_loss"].mean()
        beginning = own["train_loss"].iloc[: 10 if len(own) >= 20 else max(1, len(own) - 1)].mean()
        assert row["failed"] == float(not (ending < guess_loss(own["dataset"].iloc[0]) or ending < beginning))
        assert row["clipped_share"] == own["clipped"].mean()
        assert row["diverged"] == 0
    bar = runs["best_val_loss"].median()
    reached = frame[frame["val_loss"] <= bar].groupby("run")["epoch"].min() + 1
    pd.testing.assert_series_equal(
        runs.set_index("run")["epochs_to_bar"].dropna(), reached, check_names=False, check_dtype=False, check_like=True
    )
    table = core.summary(frame)
    row = table[(table["measure"] == "final_val_loss") & (table["base_lr"] == 0.01)].iloc[0]
    values = runs.loc[runs["base_lr"] == 0.01, "final_val_loss"]
    assert (row["n"], row["mean"], row["median"]) == (4, pytest.approx(values.mean()), pytest.approx(values.median()))
    assert row["ci_low"] <= row["mean"] <= row["ci_high"]


def test_what_comes_after_divergence_counts_as_neither_clipped_nor_not(run):
    frame = run("clipping", seeds=1).assign(clipped=True)
    lost = frame["step"] >= 2
    frame = frame.assign(diverged=lost, clipped=~lost, train_loss=frame["train_loss"].where(~lost))
    assert core.summary(frame, runs=True)["clipped_share"].tolist() == [1.0]


ODD = {
    "empty": lambda frame: frame.iloc[:0],
    "one run": lambda frame: frame[frame["run"] == frame["run"].iloc[0]],
    "one epoch": lambda frame: frame[frame["epoch"] == 0],
    "no number": lambda frame: frame.assign(**dict.fromkeys(NUMBERS, math.nan), diverged=True),
    "zeros": lambda frame: frame.assign(**dict.fromkeys(NUMBERS, 0.0)),
    "infinite": lambda frame: frame.assign(**dict.fromkeys(NUMBERS, math.inf)),
    "half of it lost": lambda frame: frame.assign(
        train_loss=frame["train_loss"].where(frame["step"] < 2), diverged=frame["step"] >= 2
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", KINDS)
def test_every_chart_headline_and_finding_survives_an_odd_frame(run, name, odd):
    other = {"schedulers": {"scheduler": "plateau,one_cycle"}, "clipping": {"clipper": "norm,none,value"}}[name]
    frame = ODD[odd](run(name, seeds=2, base_lr="0.001,0.01", **other))
    before = frame.copy()
    for chart in KINDS[name].figures(KINDS[name].analysis(frame)).values():
        assert chart.titled().to_dict()
    for label, value, note in KINDS[name].headline(KINDS[name].analysis(frame)):
        assert label and value and note
    core.findings(frame)
    assert KINDS[name].analysis(frame).summary is not None
    pd.testing.assert_frame_equal(frame, before)


def test_differences_are_paired_by_seed_with_all_else_alike():
    rows = [
        {"scheduler": name, "base_lr": lr, "depth": None, "seed": seed, "final_val_loss": loss}
        for name, shift in (("constant", 0.0), ("cosine", -0.5))
        for lr, level in ((0.1, 1.0), (0.2, 7.0))
        for seed, loss in enumerate(level + shift + np.array([0.0, 10.0, 20.0]))
    ]
    table = ranking.paired(
        pd.DataFrame(rows), ["scheduler", "base_lr", "depth"], "scheduler", "final_val_loss", "constant"
    )
    (row,) = table.to_dict("records")
    assert (row["value"], row["n"]) == ("cosine", 6)
    assert row["mean"] == row["ci_low"] == row["ci_high"] == pytest.approx(-0.5)


def test_the_fair_race_takes_each_schedule_at_its_own_best_rate():
    rows = [
        {"scheduler": name, "base_lr": lr, "final_val_loss": loss}
        for name, lr, loss in (
            ("constant", 0.1, 3.0), ("constant", 0.2, 2.0), ("cosine", 0.1, 1.0), ("cosine", 0.2, math.nan),
        )
    ]  # fmt: skip
    best = ranking.best_values(pd.DataFrame(rows), "scheduler", "base_lr", "final_val_loss")
    assert best[["scheduler", "base_lr", "mean"]].to_numpy().tolist() == [["cosine", 0.1, 1.0], ["constant", 0.2, 2.0]]


def ends(**losses):
    return pd.DataFrame(
        [
            {"scheduler": name.split("_")[0], "base_lr": float("0." + name.split("_")[1]), "seed": seed, "loss": loss}
            for name, own in losses.items()
            for seed, loss in enumerate(own)
        ]
    )


def test_a_setting_that_loses_runs_is_ranked_behind_those_that_keep_all():
    runs = ends(cosine_1=[0.1, math.nan], constant_1=[2.0, 2.0], constant_2=[3.0, 1.5], cosine_2=[math.nan] * 2)
    table = ranking.ranking(runs, ["scheduler", "base_lr"], "loss")
    assert table["mean"].iloc[:3].tolist() == [2.0, 2.25, 0.1]
    assert table["n"].tolist() == [2, 2, 1, 0]
    best = ranking.best_values(runs, "scheduler", "base_lr", "loss")
    assert best["scheduler"].tolist() == ["constant", "cosine"]
    highest = ranking.highest_first(table)
    assert highest["mean"].iloc[:3].tolist() == [2.25, 2.0, 0.1]


def test_a_title_says_ties_and_lost_runs():
    tie = ranking.ranking(ends(cosine_1=[1.0, 2.0], constant_1=[2.0, 1.0], plateau_1=[3.0, 3.0]), ["scheduler"], "loss")
    assert ranking.best_label(tie) == "cosine and constant"
    lost = ranking.ranking(ends(cosine_1=[1.0, math.nan], constant_1=[math.nan] * 2), ["scheduler"], "loss")
    assert ranking.best_label(lost) == "cosine (1 of 2 runs ended finite)"


def test_the_schedulers_headline_is_of_one_point(run):
    frame = run("schedulers", scheduler="constant,cosine", base_lr="0.0001,0.001,0.01,0.03", seeds=3)
    runs = core.summary(frame, runs=True)
    means = runs.groupby(["scheduler", "base_lr"])[["final_val_loss", "final_val_accuracy"]].mean()
    best = means["final_val_loss"].idxmin()
    name, loss, accuracy, _, beside = (
        value for _, value, _ in KINDS["schedulers"].headline(KINDS["schedulers"].analysis(frame))
    )
    assert name == best[0]
    assert beside.startswith(f"the accuracy of learning rate 0.03 · {name} beats guessing")
    assert loss == three_digits(means.loc[best, "final_val_loss"])
    assert accuracy == f"{means.loc[best, 'final_val_accuracy']:.1%}"
    assert [own[0] for own in KINDS["schedulers"].headline(KINDS["schedulers"].analysis(frame))] == [
        own[0] for own in KINDS["schedulers"].headline(KINDS["schedulers"].analysis(frame.iloc[:0]))
    ]


def test_a_line_is_drawn_while_most_of_its_runs_are_alive_and_the_lost_ones_are_counted(run):
    frame = run("clipping", seeds=4, base_lr="0.01", clipper="none")
    order = frame["run"].map({name: place for place, name in enumerate(frame["run"].unique())})
    lost = (frame["step"] >= 2) & (order < 1) | (frame["step"] >= 4) & (order < 3)
    frame = frame.assign(
        diverged=lost, train_loss=frame["train_loss"].where(~lost), grad_norm=frame["grad_norm"].where(~lost)
    )
    table = curves.by_step(frame, ["base_lr"], "grad_norm").set_index("step")
    assert table.index.max() == 3
    norms = sorted(frame.loc[(frame["step"] == 3) & ~lost, "grad_norm"])
    assert table.loc[3, "median"] == pytest.approx((norms[1] + norms[2]) / 2)  # of three and a fourth that is infinite
    assert table.loc[3, "high"] == pytest.approx(norms[2])
    drawn = KINDS["clipping"].figures(KINDS["clipping"].analysis(frame))["before"].titled().to_dict()
    assert "3 of 4 runs diverged" in " ".join(drawn["title"]["subtitle"])


def test_a_suggested_threshold_is_read_from_runs_that_went_well(run):
    frame = run("clipping", seeds=2, base_lr="0.01", clipper="none")
    bad = frame["run"] == frame["run"].iloc[0]
    rising = frame.assign(
        train_loss=frame["train_loss"].where(~bad, frame["step"] + 1.0),
        grad_norm=frame["grad_norm"].where(~bad, 1e6),
    )
    good = frame[~bad]
    assert good["train_loss"].iloc[-1] < good["train_loss"].iloc[0]
    assert suggested_threshold(KINDS["clipping"].analysis(rising)) == pytest.approx(good["grad_norm"].quantile(0.9))


def test_the_map_of_lost_runs_counts_runs_and_names_no_clipper(run):
    frame = run("clipping", seeds=2, clipper="none,norm", optimizer="sgd,adam")
    runs = core.summary(frame, runs=True)
    runs = runs.assign(failed=(runs["clipper"] == "none").astype(float))
    title = charts.share_map(runs, "clipper", "failed").titled().to_dict()["title"]
    assert " ".join(title["text"]).startswith("100% of runs failed without clipping")
    assert title["subtitle"] == ["Each cell: 4 runs."]


def test_clipping_says_what_failed_means_wherever_it_counts_it(run):
    kind = KINDS["clipping"]
    analysis = kind.analysis(run("clipping", seeds=2, clipper="none,norm"))
    told = {label: note for label, _, note in kind.headline(analysis)}
    assert FAILED in kind.figures(analysis)["failed"].note
    assert FAILED in told["Failed to train"]


def test_what_stands_beside_the_baselines_is_named(run):
    kind = KINDS["clipping"]
    analysis = kind.analysis(run("clipping", seeds=2, base_lr="0.001,0.01"))
    best = ranking.standing(analysis.runs, kind.settings.names(), "final_val_loss").iloc[0]["label"]
    (words,) = [value for label, value, _ in kind.headline(analysis) if label == "Beside baselines"]
    assert words.startswith(f"the loss of {best} ")


@pytest.mark.parametrize("name", ["constant", "plateau", "exponential", "inverse_sqrt"])
def test_a_schedule_without_an_end_repeats_nothing(run, name):
    frame = run("schedulers", scheduler=f'{name}(per="batch")', seeds=1)
    assert "schedule_repeats" not in {code for code, _ in codes(frame)}


def codes(frame):
    return {(finding.code, finding.severity) for finding in core.findings(frame)}


def test_a_sound_training_gets_neither_error_nor_warning(run):
    frame = run("schedulers", epochs=20, base_lr=0.01, seeds=3, scheduler="cosine,one_cycle,constant", width=16)
    assert not {severity for _, severity in codes(frame)} & {"error", "warning"}


@pytest.mark.parametrize(
    ("name", "given", "finding"),
    [
        ("schedulers", {"optimizer": "sgd", "base_lr": "1000000", "depth": "3"}, ("diverged", "error")),
        ("schedulers", {"optimizer": "sgd", "base_lr": "0.001", "epochs": "12"}, ("learning_rate_too_low", "warning")),
        ("schedulers", {"base_lr": "30", "epochs": "4"}, ("learning_rate_too_high", "error")),
        ("schedulers", {"scheduler": 'one_cycle(per="epoch")'}, ("schedule_unfinished", "warning")),
        ("schedulers", {"scheduler": 'cosine(per="batch")'}, ("schedule_repeats", "warning")),
        (
            "schedulers",
            {"clipper": "norm(max_norm=0.01)", "optimizer": "sgd"},
            ("gradients_always_clipped", "warning"),
        ),
        ("schedulers", {"clipper": "norm(max_norm=0.01)"}, ("gradients_always_clipped", "info")),
        ("schedulers", {"clipper": "norm(max_norm=1000)"}, ("clip_has_no_effect", "info")),
    ],
)
def test_a_fault_is_named_with_its_evidence_and_a_remedy_that_opens(run, name, given, finding):
    frame = run(name, seeds=3, **given)
    (found,) = [own for own in core.findings(frame) if (own.code, own.severity) == finding]
    assert found.evidence and found.remedy
    link = found.link
    if link:
        page, _, query = link.partition("?")
        assert page == "/Schedulers"
        fields = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
        assert KINDS[name].sweep(fields).points


@pytest.mark.slow
def test_clipping_rescues_the_transformer_at_a_high_rate(run):
    (preset,) = [own for own in KINDS["clipping"].presets if own.name == "A transformer at a high rate"]
    frame = run("clipping", **{**preset.settings, "epochs": "2", "batch_size": "64", "base_lr": "0.1"})
    diverged = core.summary(frame, runs=True).groupby("clipper")["diverged"].sum()
    assert diverged.to_dict() == {"none": 10, "norm": 0}


def test_every_scheduler_and_clipper_trains(run):
    schedulers = ",".join(entry.name for entry in REGISTRIES["schedulers"])
    clippers = ",".join(entry.name for entry in REGISTRIES["clippers"])
    assert run("schedulers", scheduler=schedulers)["val_loss"].notna().any()
    assert run("clipping", clipper=clippers)["val_loss"].notna().any()
