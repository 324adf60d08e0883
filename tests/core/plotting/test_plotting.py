"""Every chart draws every frame: nothing yet, nothing measured, nothing finite, and far too much."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import core
from core.plotting.axes import power_axis
from core.plotting.series import SERIES
from core.plotting.style import NIGHT, PALETTE, TICKS, colours, legend

KIND = core.experiment("vanishing")
GRADIENTS = ["grad_mean_abs", "grad_rms", "grad_norm"]
MEASURED = [name for name in KIND.measures if name != "underflow"]
TRAINED = {"dataset": "xor", "batch_size": 4, "loss": "cross_entropy"}
MAPPED = {
    "activation": "tanh,sigmoid,relu,gelu,identity",
    "init": "torch_default,he_normal,orthogonal,zeros",
    "depth": "2:12",
    "width": 4,
    "seeds": 2,
}


SIGHT = {  # Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1: linear sRGB as it is seen
    "as most see": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
OKLAB = (  # Ottosson 2020, https://bottosson.github.io/posts/oklab
    [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]],
    [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]],
)
APART = 0.05  # of OKLab; two greens that one takes for each other are 0.015 apart


def oklab(colour: str, sight: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return OKLAB[1] @ np.cbrt(OKLAB[0] @ np.clip(SIGHT[sight] @ linear, 0, 1))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", ["day", "night"])
def test_eight_lines_have_colours_that_every_eye_tells_apart(sight, ground):
    shown = [PALETTE, [NIGHT.get(colour, colour) for colour in PALETTE]][ground == "night"][:SERIES]
    places = [oklab(colour, sight) for colour in shown]
    least = min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2))
    assert least > APART


def charts(frame):
    kind = core.experiment("vanishing")
    return kind.figures(kind.analysis(frame))


def expected(**given: str) -> pd.DataFrame:
    return KIND.expected(KIND.sweep(given))


FRAMES = {
    "empty": lambda run: run().iloc[:0],
    "empty, every column an object": lambda run: pd.DataFrame(columns=list(KIND.columns)),
    "one run": lambda run: run(),
    "one run of one layer": lambda run: run(depth=1),
    "one run of two layers": lambda run: run(depth=2),
    "two seeds": lambda run: run(depth="3,5", seeds=2),
    "no gradient is a number": lambda run: run(seeds=3).assign(**dict.fromkeys(GRADIENTS, math.nan)),
    "nothing measured is a number": lambda run: run(seeds=3).assign(**dict.fromkeys(MEASURED, math.nan)),
    "some gradients are no numbers": lambda run: run(depth=5, seeds=3).pipe(
        lambda frame: frame.assign(grad_rms=frame["grad_rms"].where(frame["layer"] > 2))
    ),
    "all gradients zero": lambda run: run(seeds=3).assign(**dict.fromkeys(GRADIENTS, 0.0)),
    "everything measured zero": lambda run: run(seeds=3).assign(**dict.fromkeys(MEASURED, 0.0)),
    "some gradients zero": lambda run: run(depth=5, seeds=3).pipe(
        lambda frame: frame.assign(grad_rms=frame["grad_rms"] * (frame["layer"] > 2))
    ),
    "zeros by init": lambda run: run(init="zeros,torch_default", seeds=2),
    "all gradients infinite": lambda run: run(seeds=3).assign(**dict.fromkeys(GRADIENTS, math.inf)),
    "some gradients infinite": lambda run: run(depth=5, seeds=3).pipe(
        lambda frame: frame.assign(grad_rms=np.where(frame["seed"] == 1, math.inf, frame["grad_rms"]))
    ),
    "everything measured infinite": lambda run: run(seeds=3).assign(**dict.fromkeys(MEASURED, math.inf)),
    "underflow": lambda run: run(depth=60, activation="sigmoid", init="normal(std=0.001)"),
    "a norm and a skip": lambda run: run(depth=4, width=8, batch_size=8, norm="none,layer", residual="none,identity"),
    "200 settings in three axes": lambda run: run(**MAPPED),
    "200 settings in one axis": lambda run: run(width="1:201", depth=2, seeds=1),
    "trained": lambda run: run(depth=2, steps=3, optimizer="adam,sgd", seeds=2, **TRAINED),
    "trained beside untrained": lambda run: run(depth=2, steps="0,3", seeds=2, **TRAINED),
    "trained and gone to infinity": lambda run: run(depth=2, steps=3, **TRAINED).pipe(
        lambda frame: frame.assign(grad_rms=np.where(frame["step"] > 0, math.inf, frame["grad_rms"]))
    ),
    "trained for 700 steps": lambda run: run(depth=8, steps=700, **TRAINED),
    "expected": lambda run: expected(depth="5,20", activation="tanh,relu", loss="projection"),
    "expected, where theory says nothing": lambda run: expected(depth="4", norm="layer"),
    "expected, of one layer": lambda run: expected(depth="1"),
    "expected, of a training": lambda run: expected(depth="4", steps="3", loss="mse", dataset="xor"),
    "expected, 7 times 1,000 layers": lambda run: expected(depth="1000", width="10:17"),
    "partly there": lambda run: pd.concat([run(depth=5, seeds=1), run(depth=8, seeds=3)], ignore_index=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "results.sqlite")

    def frame(**settings: object) -> pd.DataFrame:
        return core.run("vanishing", executor="inline", store=path, **settings)

    return frame


def words(drawn: dict) -> str:
    """What a chart says: its title, or where it is empty the sentence in its place."""
    title = drawn["title"]["text"]
    said = " ".join(title if isinstance(title, list) else [title]).strip()
    reasons = [row["reason"] for rows in drawn.get("datasets", {}).values() for row in rows if "reason" in row]
    return said or " ".join(reasons)


@pytest.mark.slow
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_chart_draws_every_frame_and_leaves_it_as_it_is(make, run):
    frame = make(run)
    before = frame.copy(deep=True)
    drawn = {name: figure.titled().to_dict() for name, figure in charts(frame).items()}
    pd.testing.assert_frame_equal(frame, before)
    assert {"gradient", "decay", "split", "saturated", "dead"} <= set(drawn)
    for name, chart in drawn.items():
        said = words(chart)
        assert said, name
        assert not {"nan", "inf", "None", "nan×"} & set(said.replace(",", " ").split()), (name, said)


def test_an_untrained_frame_has_no_chart_of_steps_and_a_trained_one_has(run):
    assert "steps" not in charts(run(depth=2))
    assert "steps" in charts(run(depth=2, steps=3, **TRAINED))


def test_a_charts_title_is_the_finding_of_its_frame(run):
    title = words(charts(run(depth=20, seeds=20))["gradient"].titled().to_dict())
    assert title.startswith("Gradients shrink 0.5")
    assert "a layer towards the input (theory 0.57" in title


def test_what_is_left_out_is_said_with_its_count(run):
    frame = run(depth=5, seeds=3)
    holes = frame.assign(grad_rms=frame["grad_rms"] * (frame["layer"] > 2))
    subtitle = " ".join(charts(holes)["gradient"].titled().to_dict()["title"]["subtitle"])
    assert "2 layers with a zero or non-finite gradient are left out." in subtitle
    many = charts(run(width="1:201", depth=2, seeds=1))["gradient"].titled().to_dict()
    assert "8 of 200 settings are drawn" in " ".join(many["title"]["subtitle"])


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "No unit output is"), (0.005, "Hardly any"), (0.012, "Up to 1% of")]
)
def test_a_small_share_is_not_called_zero_per_cent(run, share, words):
    title = charts(run(depth=3).assign(saturated=share))["saturated"].titled().to_dict()["title"]["text"]
    assert " ".join(title).startswith(words)


def test_charts_of_a_filtered_frame_say_what_it_lacks(run):
    with pytest.raises(ValueError, match="the table lacks rows of some runs"):
        dict(charts(run(depth=5, seeds=2).query("layer != 3")))


@pytest.mark.parametrize("logs", [[], [math.nan], [0.0], [-3.2, -3.1], [-300.5, 2.0], [-0.5, 0.5], [-45, -1, math.inf]])
def test_a_power_axis_has_one_to_eight_labels_within_its_domain(logs):
    axis, scale = power_axis("gradient", logs)
    low, high = scale.domain
    assert 1 <= len(axis.values) <= 8
    assert all(low <= tick <= high for tick in axis.values)
    assert low < high
    assert all(low <= log <= high for log in logs if math.isfinite(log))


def test_a_part_keeps_its_colour_whatever_stands_beside_it():
    order = ["tanh", "sigmoid", "relu"]
    assert colours(["relu"], order).range == [PALETTE[2]]
    assert colours(["sigmoid", "relu"], order).range == [PALETTE[1], PALETTE[2]]
    assert len(set(colours(["x", "relu", "y"], order).range)) == 3


def test_the_front_door_draws_charts_again_and_again(run):
    frame = run(depth=2)
    core.findings(frame)
    assert set(core.charts("vanishing", frame)) == set(core.charts("vanishing", frame))


def test_a_legend_is_as_narrow_as_a_phone():
    for labels, columns in (
        (["plateau", "cosine", "one_cycle", "constant"], 3),
        (["torch_default", "tanh"], 2),
        (["clipper norm · learning rate 0.1", "constant · learning rate 1"], 1),
    ):
        assert legend("", labels).to_dict()["columns"] == {"expr": f"width > 420 ? {2 * columns} : {columns}"}


def test_what_all_labels_begin_with_is_the_legend_s_title():
    drawn = legend("", ["recurrent gain 0.8", "recurrent gain 1"])
    assert (drawn.title, drawn.labelExpr) == ("recurrent gain", "slice(datum.label, 15)")
    assert legend("", ["tanh", "relu"]).title is None
    assert legend("", ["depth 2 · tanh", "depth 5 · tanh"]).title is None  # else it would name one setting of two


def test_an_axis_of_decay_factors_asks_for_few_labels(run):
    drawn = charts(run(depth="3,5", seeds=2))["decay"].titled().to_dict()
    assert drawn["layer"][2]["encoding"]["x"]["axis"]["tickCount"] == TICKS
