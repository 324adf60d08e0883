r"""One step of training as a walk: thirteen operations, each with its words, its formula and its numbers in LaTeX."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from core.engine.by_hand import lesson_loss, naive_loss
from core.experiments.backprop.film import Step

Array = np.ndarray
ROWS, COLUMNS = 4, 5  # of a matrix that is written out; what is beyond is dots
DIGITS = 4  # of a product, so that the reader can multiply along
PHI = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "relu": r"\operatorname{ReLU}",
    "identity": r"\operatorname{id}",
}
BACK = (
    r"\delta_2",
    r"\partial L / \partial W_2",
    r"\partial L / \partial b_2",
    r"\partial \ell / \partial a_1",
    r"\delta_1",
    r"\partial L / \partial W_1",
    r"\partial L / \partial b_1",
)


class Operation(NamedTuple):
    """One line of the network's code.

    way      forward, back or update
    title    what it is, in a few words
    words    what it means, for a person who knows no formulas
    formula  the line, in LaTeX
    numbers  the same line with its numbers and shapes, in LaTeX
    """

    way: str
    title: str
    words: str
    formula: str
    numbers: str


def number(value: float, digits: int = 3) -> str:
    """A number in LaTeX, with so many significant digits."""
    value += 0.0  # -0.0 is written 0
    if not math.isfinite(value):
        return r"\text{–}" if math.isnan(value) else (r"\infty" if value > 0 else r"-\infty")
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}" if abs(value) < 999.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
    return rf"{mantissa}{{\cdot}}10^{{{int(exponent)}}}"


def matrix(values: Array) -> str:
    """A matrix (rows, columns) in LaTeX; of a large one the first rows and columns, then dots."""
    rows, columns = values.shape
    shown = values[: ROWS if rows > ROWS + 1 else rows, : COLUMNS if columns > COLUMNS + 1 else columns]
    lines = [
        " & ".join([*(number(value) for value in row), *([r"\cdots"] if shown.shape[1] < columns else [])])
        for row in shown
    ]
    if len(shown) < rows:
        lines.append(" & ".join([r"\vdots"] * (shown.shape[1] + (shown.shape[1] < columns))))
    return r"\begin{bmatrix}" + r" \\ ".join(lines) + r"\end{bmatrix}"


def shaped(values: Array, name: str = "") -> str:
    """A matrix with its name and shape beneath."""
    rows, columns = values.shape
    label = f"{name}\\;({rows} \\times {columns})" if name else f"{rows} \\times {columns}"
    return rf"\underbrace{{{matrix(values)}}}_{{{label}}}"


def operations(step: Step, lr: float) -> list[Operation]:
    """The walk: forward from the examples to the loss, back to every parameter, and the update."""
    net, way, back, m = step.network, step.forward, step.backward, len(step.y)
    part = net.activation
    phi = PHI.get(part.entry.name, r"\varphi")
    examples = "the example" if m == 1 else f"the {m:,} examples"
    each = "" if m == 1 else ", example by example"
    mean = "" if m == 1 else rf"\frac{{1}}{{{m}}}"
    over = "" if m == 1 else ", averaged over the examples"
    X, y, W1, b1 = shaped(step.X, "X"), shaped(step.y, "y"), shaped(net.W1, "W_1"), shaped(net.b1, "b_1")
    W2, b2, W2_t = shaped(net.W2, "W_2"), shaped(net.b2, "b_2"), shaped(net.W2.T, r"W_2^\top")
    z1, a1, z2, a2 = (shaped(values, name) for values, name in zip(way, ("z_1", "a_1", "z_2", "a_2"), strict=True))
    X_t, a1_t, slope = (
        shaped(step.X.T, r"X^\top"),
        shaped(way.a1.T, r"a_1^\top"),
        shaped(net.phi_slope(way.z1), r"\varphi'(z_1)"),
    )
    delta2, dW2, db2, da1, delta1, dW1, db1 = (shaped(values, name) for values, name in zip(back, BACK, strict=True))
    return [
        Operation(
            "forward",
            "Weigh the inputs",
            f"Each hidden unit adds up the inputs of {examples}, each times its weight, and its own bias.",
            r"z_1 = X W_1 + b_1",
            _two_lines(f"{X} {W1} + {b1}", z1),
        ),
        Operation(
            "forward",
            "Bend",
            f"The activation function ({part.entry.label}) bends each sum. Without a bend, two layers could do no more than one.",
            rf"a_1 = \varphi(z_1), \quad \varphi = {phi}",
            f"{phi} {z1} = {a1}",
        ),
        Operation(
            "forward",
            "Weigh the hidden units",
            "The output adds up the hidden units, each times its weight, and its bias.",
            r"z_2 = a_1 W_2 + b_2",
            f"{a1} {W2} + {b2} = {z2}",
        ),
        Operation(
            "forward",
            "Predict",
            "The sigmoid squeezes the sum between 0 and 1: how sure the network is that the answer is 1.",
            r"a_2 = \sigma(z_2) = \frac{1}{1 + e^{-z_2}}",
            rf"\sigma {z2} = {a2}, \qquad \text{{answers }} {y}",
        ),
        Operation(
            "forward",
            "How wrong is it?",
            "The loss is one number for all that is wrong: 0 for certain and right, large for certain and wrong.",
            r"L = -\frac{1}{m} \sum \big( y \log a_2 + (1 - y) \log (1 - a_2) \big)",
            _loss_numbers(step),
        ),
        Operation(
            "back",
            "Blame the output",
            f"How would the loss change if the output's sum rose a little? Prediction minus answer says it{each}: "
            "positive where the prediction is too high.",
            r"\delta_2 = \frac{\partial \ell}{\partial z_2} = a_2 - y",
            f"{a2} - {y} = {delta2}",
        ),
        Operation(
            "back",
            "Gradient of the output's weights",
            f"A weight shares the blame as far as its hidden unit was active: blame times activation{over}.",
            r"\frac{\partial L}{\partial W_2} = \frac{1}{m}\, a_1^\top \delta_2",
            rf"{mean} {a1_t} {delta2} = {dW2}",
        ),
        Operation(
            "back",
            "Gradient of the output's bias",
            f"A bias is a weight whose input is always 1: the blame itself{over}.",
            r"\frac{\partial L}{\partial b_2} = \frac{1}{m} \sum \delta_2",
            rf"{mean} \sum {delta2} = {db2}",
        ),
        Operation(
            "back",
            "Hand the blame to the hidden units",
            "The blame goes back along the same weights that the activations came by: who contributed much gets much.",
            r"\frac{\partial \ell}{\partial a_1} = \delta_2 W_2^\top",
            rf"{delta2} {W2_t} = {da1}",
        ),
        Operation(
            "back",
            "Through the bend",
            "Times the slope of the activation function where the unit stands. On a flat part (slope near 0) the blame stops: "
            "that is how gradients vanish.",
            r"\delta_1 = \frac{\partial \ell}{\partial a_1} \odot \varphi'(z_1)",
            _two_lines(rf"{da1} \odot {slope}", delta1),
        ),
        Operation(
            "back",
            "Gradient of the first weights",
            f"Again blame times what came in{over}. A weight whose input is 0 gets nothing.",
            r"\frac{\partial L}{\partial W_1} = \frac{1}{m}\, X^\top \delta_1",
            _two_lines(rf"{mean} {X_t} {delta1}", dW1),
        ),
        Operation(
            "back",
            "Gradient of the first biases",
            f"The blame of each hidden unit{over}.",
            r"\frac{\partial L}{\partial b_1} = \frac{1}{m} \sum \delta_1",
            rf"{mean} \sum {delta1} = {db1}",
        ),
        Operation(
            "update",
            "Take a step",
            f"Every parameter moves against its gradient, times the learning rate η = {lr:g}. Then all begins anew.",
            r"W \leftarrow W - \eta\, \frac{\partial L}{\partial W}",
            rf"{W2} - {lr:g} {dW2} = {shaped(net.W2 - lr * back.dW2)}",
        ),
    ]


def _two_lines(left: str, right: str) -> str:
    """An equation of wide matrices, its right side on a line of its own."""
    return rf"\begin{{aligned}} &{left} \\[6pt] &= {right} \end{{aligned}}"


def _loss_numbers(step: Step) -> str:
    """The loss as the mean over examples of −log of the probability that the right answer got."""
    given = np.where(step.y > 0.5, step.forward.a2, 1 - step.forward.a2)[:, 0]
    shown = [rf"\log {number(value)}" for value in given[:ROWS]]
    dots = [r"\cdots"] if len(given) > ROWS else []
    return rf"L = -\frac{{1}}{{{len(given)}}} \big( {' + '.join([*shown, *dots])} \big) = {number(step.loss)}"


def chain(links: dict[str, float], gradient: float) -> str:
    """The product of one path's local derivatives, in LaTeX."""
    factors = " \\cdot ".join(_signed(value) for value in links.values())
    return f"{factors} = {number(gradient, DIGITS)}"


def _signed(value: float) -> str:
    """A number of a product or a sum, in brackets where it is negative."""
    return f"({number(value, DIGITS)})" if value < 0 else number(value, DIGITS)


def losses(step: Step) -> dict[str, float]:
    """The loss three ways: from the logits, as the formula is written, and as the lesson's code computes it."""
    return {
        "right": step.loss,
        "naive": naive_loss(step.forward.a2, step.y),
        "lesson": lesson_loss(step.forward.a2, step.y),
    }


def mean_of(products: list[float], gradient: float) -> str:
    """The mean of the paths' products, in LaTeX."""
    terms = [_signed(value) for value in products[:ROWS]]
    dots = [r"\cdots"] if len(products) > ROWS else []
    return rf"\frac{{1}}{{{len(products)}}}\big({' + '.join([*terms, *dots])}\big) = {number(gradient, DIGITS)}"
