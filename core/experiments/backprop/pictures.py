"""Pictures of one run of ``backprop`` at one epoch: the network drawn, the decision boundary, where it is on its course."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.backprop.film import Film, Step, parameter_names, prediction_map, ranked
from core.experiments.backprop.settings import GRADIENTS, PREDICTIONS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, empty, figure
from core.plotting.line_ends import at_ends
from core.plotting.style import (
    BLUE,
    BURNT_ORANGE,
    DEEP_BLUE,
    DEEP_ORANGE,
    EDGE,
    FAINT_INK,
    INK,
    NODE,
    NODE_EDGE,
    PALE,
    PALETTE,
    THEORY,
    colours,
    legend,
)
from core.words import three_digits

UNITS, INPUTS = 8, 4  # of a layer that is drawn
CLASS_COLOURS = (PALETTE[0], PALETTE[1])
DOWN, UP = BLUE, BURNT_ORANGE  # a negative gradient: turn the weight up; a positive one: turn it down
POINTS = 1000
SHORT = {
    "train_loss": "loss",
    "accuracy": "accuracy",
    **dict(zip(GRADIENTS, ("W₁", "b₁", "W₂", "b₂"), strict=True)),
    **{name: f"{name[-2]}, {name[-1]}" for name in PREDICTIONS},
}
NETWORK_HEIGHT = 290
COURSE_HEIGHT = 130
ROOM_FOR_NUMBERS, ROOM_FOR_NAMES = 32, 58  # pixels; the tooltip tells what finds no room
STEEP = 1e-12  # below this a gradient is nothing


def _spread(count: int) -> np.ndarray:
    """Heights of a layer's nodes, from 1 at the top to 0."""
    return 1.0 - (np.arange(count) + 0.5) / count


def drawn_network(step: Step) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes ``x y text name`` and edges ``x y x2 y2 weight gradient width sign name`` of the network.

    Activations are means over the step's examples; the node "1" carries a layer's biases.
    """
    net, way = step.network, step.forward
    D, H = min(net.W1.shape[0], INPUTS), min(net.W1.shape[1], UNITS)
    left, middle = _spread(D + 1), _spread(H + 1)
    inputs, hidden = step.X.mean(axis=0), way.a1.mean(axis=0)
    nodes = [(0.0, left[i], inputs[i], f"input {i + 1}") for i in range(D)] + [(0.0, left[D], 1.0, "bias")]
    nodes += [(1.0, middle[j], hidden[j], f"hidden {j + 1}") for j in range(H)] + [(1.0, middle[H], 1.0, "bias")]
    nodes += [(2.0, 0.5, float(way.a2.mean()), "output")]
    edges = []
    for (tensor, row, column), name in parameter_names(net).items():
        unit = row if tensor == "W2" else column
        if (tensor == "W1" and row >= D) or (tensor != "b2" and unit >= H):
            continue
        start, end = {
            "W1": ((0.0, left[min(row, D)]), (1.0, middle[column])),
            "b1": ((0.0, left[D]), (1.0, middle[min(column, H)])),
            "W2": ((1.0, middle[min(row, H)]), (2.0, 0.5)),
            "b2": ((1.0, middle[H]), (2.0, 0.5)),
        }[tensor]
        weight, gradient = getattr(net, tensor)[row, column], getattr(step.backward, f"d{tensor}")[row, column]
        edges.append((*start, *end, weight, gradient, name))
    drawn = pd.DataFrame(edges, columns=["x", "y", "x2", "y2", "weight", "gradient", "name"])
    size = drawn["weight"].abs()
    drawn["width"] = 0.8 + 7.0 * size / size.max() if size.max() > 0 else 0.8
    drawn["sign"] = np.where(drawn["weight"] < 0, "negative weight", "positive weight")
    table = pd.DataFrame(nodes, columns=["x", "y", "activation", "name"])
    table["text"] = [
        f"{value:.2f}".replace("-0.00", "0.00") if abs(value) < 100 else three_digits(value)
        for value in table["activation"]
    ]
    return table, drawn


def network_chart(step: Step) -> Figure:
    """The network: weights as width and dash, gradients as colour, activations in the nodes."""
    nodes, edges = drawn_network(step)
    if not np.isfinite(edges[["weight", "gradient"]].to_numpy(float)).all():
        return empty("The run has diverged: its weights are no numbers any more.")
    largest = float(edges["gradient"].abs().max())
    bound = largest if largest > 0 else 1.0
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.25, 2.25], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.04, 1.04], nice=False))
    lines = (
        alt.Chart(edges)
        .mark_rule(opacity=0.9)
        .encode(
            x=x,
            y=y,
            x2=alt.X2("x2:Q"),
            y2=alt.Y2("y2:Q"),
            strokeWidth=alt.StrokeWidth("width:Q", scale=None),
            strokeDash=alt.StrokeDash(
                "sign:N",
                scale=alt.Scale(domain=["positive weight", "negative weight"], range=[[1, 0], [5, 4]]),
                legend=None,
            ),
            color=alt.Color(
                "gradient:Q",
                scale=alt.Scale(domain=[-bound, 0, bound], range=[DOWN, EDGE, UP], interpolate="rgb"),
                legend=alt.Legend(
                    title="gradient: blue wants more, orange less", orient="bottom", gradientLength=150, format=".2~g",
                    values=[-bound, 0, bound], titleLimit=300,
                ),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="parameter"),
                alt.Tooltip("weight:Q", title="value", format=".4g"),
                alt.Tooltip("gradient:Q", title="gradient", format=".4g"),
            ],
        )
    )  # fmt: skip
    room = NETWORK_HEIGHT / nodes.groupby("x")["y"].transform("size")  # pixels from a node to the next of its layer
    base = alt.Chart(nodes).encode(x=x, y=y)
    tooltip = [alt.Tooltip("name:N", title="unit"), alt.Tooltip("activation:Q", format=".4g")]
    diameter = min(34.0, 0.8 * float(room.min()))
    circles = base.mark_circle(size=diameter**2, color=NODE, stroke=NODE_EDGE, strokeWidth=1.2, opacity=1)
    texts = alt.Chart(nodes[room >= ROOM_FOR_NUMBERS]).encode(x=x, y=y).mark_text(fontSize=11, color=INK)
    names = alt.Chart(nodes[room >= ROOM_FOR_NAMES]).encode(x=x, y=y)
    names = names.mark_text(fontSize=11, dy=25, color=FAINT_INK).encode(text=alt.Text("name:N"))
    drawn = [lines, *(part.encode(tooltip=tooltip) for part in (circles, names, texts.encode(text=alt.Text("text:N"))))]
    notes = [
        "Width: size of the weight; dashed: negative. In the circles: activations"
        + (", means over the examples." if len(step.y) > 1 else ".")
    ]
    D, H = step.network.W1.shape
    if D > INPUTS or H > UNITS:
        notes.append(f"Drawn: {min(D, INPUTS)} of {D} inputs, {min(H, UNITS)} of {H} hidden units.")
    return figure(drawn, network_title(step), " ".join(notes), height=NETWORK_HEIGHT)


def network_title(step: Step) -> str:
    """What the strongest gradient wants."""
    table = ranked(step)
    if table.empty:
        return "The run has diverged"
    first = table.iloc[0]
    if first["size"] < STEEP:
        return "Every gradient is zero: nothing will change"
    wants = "down" if first["gradient"] > 0 else "up"
    return f"The loss asks most of “{first['name']}”: turn it {wants}"


def ranked_chart(step: Step) -> Figure:
    """The parameters by the size of their gradient, the first ten."""
    table = ranked(step).head(10)
    if table.empty or table["size"].iloc[0] < STEEP:
        return empty("Every gradient is zero: no parameter would change the loss.")
    first = table.iloc[0]
    verb = "raises" if first["gradient"] > 0 else "lowers"
    wants = table["gradient"].map(lambda value: "turn it down" if value > 0 else "turn it up")
    drawn = (
        alt.Chart(table.assign(wants=wants))
        .mark_bar()
        .encode(
            x=alt.X(
                "gradient:Q", title="gradient: change of the loss per unit of the parameter", axis=alt.Axis(tickCount=7)
            ),
            y=alt.Y("name:N", sort=list(table["name"]), title=None, axis=alt.Axis(labelLimit=160, labelOverlap=False)),
            color=alt.Color(
                "wants:N",
                scale=alt.Scale(domain=["turn it up", "turn it down"], range=[DOWN, UP]),
                legend=alt.Legend(title=None, orient="bottom"),
            ),
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("value:Q", format=".4g"),
                alt.Tooltip("gradient:Q", format=".4g"),
            ],
        )
    )
    title = f"“{first['name']}” matters most: 0.1 more of it {verb} the loss by about {three_digits(abs(first['gradient']) * 0.1)}"
    return figure(drawn, title, "", height=max(120, 40 + 24 * len(table)))


def boundary_chart(film: Film, epoch: int) -> Figure:
    """What the network predicts everywhere in the plane, with the examples on it."""
    if film.X.shape[1] != 2:
        return empty(f"The examples have {film.X.shape[1]} inputs: a plane has room for two.")
    network = film.network(epoch)
    cells = prediction_map(network, film.X)
    if not np.isfinite(cells["prediction"]).all():
        return empty("The run has diverged: it predicts no numbers any more.")
    x = alt.X("x1:Q", title="input 1", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=4, grid=False))
    y = alt.Y("x2:Q", title="input 2", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(tickCount=4, grid=False))
    heat = (
        alt.Chart(cells.round(4))
        .mark_rect()
        .encode(
            x=x,
            y=y,
            x2=alt.X2("x1_end:Q"),
            y2=alt.Y2("x2_end:Q"),
            color=alt.Color(
                "prediction:Q",
                scale=alt.Scale(
                    domain=[0, 0.5, 1], range=[CLASS_COLOURS[0], PALE, CLASS_COLOURS[1]], interpolate="rgb"
                ),
                legend=alt.Legend(title="prediction", orient="bottom", gradientLength=150, values=[0, 0.5, 1]),
            ),
        )
    )
    predictions = network.forward(film.X).a2[:, 0]
    few = len(film.X) <= 8
    points = pd.DataFrame(
        {
            "x1": film.X[:POINTS, 0],
            "x2": film.X[:POINTS, 1],
            "answer": [f"answer {value:.0f}" for value in film.y[:POINTS, 0]],
            "prediction": predictions[:POINTS],
        }
    )
    dots = (
        alt.Chart(points)
        .mark_circle(size=260 if few else 28, opacity=1, stroke="white", strokeWidth=2 if few else 0.7)
        .encode(
            x=x,
            y=y,
            fill=alt.Fill(
                "answer:N",
                scale=alt.Scale(domain=["answer 0", "answer 1"], range=[DEEP_BLUE, DEEP_ORANGE]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("x1:Q"),
                alt.Tooltip("x2:Q"),
                alt.Tooltip("answer:N"),
                alt.Tooltip("prediction:Q", format=".3f"),
            ],
        )
    )
    right = int(((predictions > 0.5) == (film.y[:, 0] > 0.5)).sum())
    note = "Colour: what the network would predict there. Dots: the examples, blue for answer 0, orange for answer 1."
    left = f" {POINTS:,} of {len(film.X):,} examples are drawn." if len(film.X) > POINTS else ""
    title = f"At epoch {epoch:,}, {right:,} of {len(film.X):,} examples are right"
    return figure([heat, dots], title, note + left, height=NETWORK_HEIGHT - 20)


def course(film: Film, measures: tuple[str, ...]) -> pd.DataFrame:
    """``epoch value label`` of these measures, at most 300 epochs of it."""
    last = int(film.epochs[-1])
    epochs = np.unique(np.linspace(0, last, 300).round().astype(int))
    parts = [
        pd.DataFrame({"epoch": epochs, "value": film.measured[name][epochs], "label": SHORT[name]}) for name in measures
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[np.isfinite(table["value"])]


def _here(epoch: int) -> alt.Chart:
    return (
        alt.Chart(pd.DataFrame({"epoch": [epoch]})).mark_rule(strokeWidth=1.5, color=THEORY).encode(x=alt.X("epoch:Q"))
    )


def _epochs() -> alt.X:
    return alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickCount=5, format="d"), scale=alt.Scale(nice=False))


def loss_course(film: Film, epoch: int) -> Figure:
    """The loss over epochs, and where the slider stands."""
    table = course(film, ("train_loss",))
    if table.empty:
        return empty("No loss is a finite number.")
    here = float(film.measured["train_loss"][epoch])
    line = alt.Chart(table).mark_line(color=PALETTE[0])
    drawn = line.encode(
        x=_epochs(),
        y=alt.Y("value:Q", title="loss"),
        tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".4g")],
    )
    return figure([drawn, _here(epoch)], f"The loss is {three_digits(here)} here", "", height=COURSE_HEIGHT)


def gradients_course(film: Film, epoch: int) -> Figure:
    """The gradient of each of the four parameters over epochs, on a log axis."""
    table = course(film, GRADIENTS)
    shown = table[table["value"] > 0].assign(log=lambda rows: log10(rows["value"]))
    if shown.empty:
        return empty("Every gradient is exactly zero.")
    names = [SHORT[name] for name in GRADIENTS]
    axis, scale = power_axis("norm of the gradient", shown["log"].to_numpy(float))
    low, high = scale.to_dict()["domain"]
    ends = at_ends(shown, "epoch", "log", colours(names), (low, high), COURSE_HEIGHT)
    lines = alt.Chart(shown).mark_line()
    drawn = lines.encode(
        x=_epochs(),
        y=alt.Y("log:Q", axis=axis, scale=scale),
        color=alt.Color("label:N", scale=colours(names), sort=names, legend=None if ends else legend("", names)),
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".3g")],
    )
    first, second = (film.measured[name][epoch] for name in ("grad_norm_w1", "grad_norm_w2"))
    title = "Gradients per layer"
    if second > 0 and np.isfinite(first / second):
        title = f"W₁ gets {three_digits(first / second)}× the gradient of W₂"
    return figure([drawn, *ends, _here(epoch)], title, "", height=COURSE_HEIGHT)


def predictions_course(film: Film, epoch: int) -> Figure:
    """The four predictions over epochs; of other data the share of right ones."""
    if np.isfinite(film.measured[PREDICTIONS[0]]).any():
        table, names, heading = course(film, PREDICTIONS), [SHORT[name] for name in PREDICTIONS], "prediction"
        values = ", ".join(f"{film.measured[name][epoch]:.2f}" for name in PREDICTIONS)
        title = f"Predicted: {values}"
    else:
        table, names, heading = course(film, ("accuracy",)), [SHORT["accuracy"]], "share of examples right"
        title = f"{film.measured['accuracy'][epoch]:.1%} of the examples are right here"
    if table.empty:
        return empty("No prediction is a finite number.")
    ends = at_ends(table, "epoch", "value", colours(names), (0.0, 1.0), COURSE_HEIGHT)
    key = legend("inputs", names) if len(names) > 1 and not ends else None
    lines = alt.Chart(table).mark_line()
    drawn = lines.encode(
        x=_epochs(),
        y=alt.Y("value:Q", title=heading, scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("label:N", scale=colours(names), sort=names, legend=key),
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".3f")],
    )
    return figure([drawn, *ends, _here(epoch)], title, "", height=COURSE_HEIGHT)


def losses_chart(film: Film) -> Figure:
    """The right loss beside the number that the lesson's code prints, over the film's epochs."""
    from core.engine.by_hand import lesson_loss

    printed = [lesson_loss(film.network(int(epoch)).forward(film.X).a2, film.y) for epoch in film.epochs]
    names = ["the loss", "what the lesson prints"]
    table = pd.concat(
        [
            pd.DataFrame({"epoch": film.epochs, "value": film.measured["train_loss"][film.epochs], "label": names[0]}),
            pd.DataFrame({"epoch": film.epochs, "value": printed, "label": names[1]}),
        ]
    )
    table = table[np.isfinite(table["value"])]
    if table.empty:
        return empty("No loss is a finite number.")
    lines = alt.Chart(table).mark_line()
    drawn = lines.encode(
        x=_epochs(),
        y=alt.Y("value:Q", title="loss"),
        color=alt.Color("label:N", scale=colours(names), sort=names, legend=legend("", names)),
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".4g")],
    )
    right, wrong = (table[table["label"] == name]["value"].iloc[-1] for name in names)
    return figure(
        drawn, f"At the end the loss is {three_digits(right)}; the lesson prints {three_digits(wrong)}", "", height=220
    )
