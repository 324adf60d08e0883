"""Faults of signals: gradients that fade or grow from layer to layer, units without derivative, starts, no nonlinearity."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, ends, percent
from .rules import ERROR_RATIO, FEWEST_ROWS, LEARNED, STEPS, WARN_RATIO
from .view import Record, Training, View

LAYERS = 4  # fewer tell no course from layer to layer
EARLY = 10  # steps that count as the start
HARDLY = 0.9  # of the first loss, or of guessing's: what ends above it has hardly fallen
DEAD, SATURATED = 0.7, 0.6  # shares of units
FEWEST_ROWS_OF_ALL = 8  # whether all units of a layer are: by chance one of two is zero on them once in 2⁸, many never
LARGE = 5.0  # times 1/√fan_in: He's is 1.41, and at 5 a tanh layer is four fifths saturated
SMALL = 0.15  # two such layers let through a fiftieth of a signal
WEIGHTS = ("Linear", "Conv1d", "Conv2d", "Conv3d")
FEW = 3
REMEMBERING = {  # what lets a recurrent layer keep its gradient: Le 2015, Jozefowicz 2015; torch orders an LSTM's gates i, f, g, o
    "RNN": "Start orthogonal, nn.init.orthogonal_({name}.weight_hh_l0), or use an nn.GRU whose update gate starts near 1.",
    "LSTM": "Open the forget gate at the start, {name}.bias_hh_l0.data.chunk(4)[1].fill_(3.0), shorten the sequences, or let the loss read every step.",
    "GRU": "Open the update gate at the start, {name}.bias_hh_l0.data.chunk(3)[1].fill_(3.0), shorten the sequences, or let the loss read every step.",
}


def judge(view: View) -> list[Finding]:
    """The findings on layers."""
    findings = beginnings(view) + linear(view)
    for training in view.trainings:
        if training.optimizer.get("steps", FEW) >= FEW:
            findings += depth(view, training)
    return findings + through_time(view) + units(view)


def through_time(view: View) -> list[Finding]:
    """A recurrent layer read at its end, whose gradient fades on its way to the first time step while the loss stays."""
    long = (t for t in view.trainings if len(t.loss) and t.optimizer.get("steps", 0) >= STEPS)
    if not any(stalls(view, training) for training in long):
        return []
    for module in view.modules:
        decay = module["over_time"]  # the earlier half of the steps lost
        if decay and 0 <= decay["factor"] < ERROR_RATIO**2 and decay.get("early", 0.0) < 0.5:
            per_step = decay["factor"] ** (1 / decay["steps"])
            return [
                Finding(
                    "vanishing_gradients",
                    "error",
                    f"Through the {decay['steps']} time steps of {module['name']} the gradient shrinks to {digits(decay['factor'])} of its size, "
                    f"{digits(per_step)}× a step, and the loss reads the last of them: what came early can't be learned.",
                    {"time_steps": decay["steps"], "first_over_last": decay["factor"], "factor_per_step": per_step},
                    REMEMBERING[decay.get("kind", "RNN")].format(name=module["name"]),
                )
            ]
    return []


def stalls(view: View, training: Training) -> bool:
    """Whether its loss, which should fall, hardly moved or ended no lower than guessing."""
    if not view.supervised(training) and not view.hand_written(training):
        return False
    first, last = ends(training.loss)
    chance = view.chance(training)
    if math.isnan(last):
        return True
    return last > HARDLY * first or (not math.isnan(chance) and last > HARDLY * chance)


def _standstill(training: Training) -> str:
    """What a loss that stalls has done."""
    first, last = ends(training.loss)
    if math.isnan(last):
        return "was never seen"
    return "hardly falls" if last > HARDLY * first else "ends about where guessing does"


def learned(view: View) -> bool:
    """Whether every training's loss ended far below that of guessing."""
    return bool(view.trainings) and all(
        len(training.loss) and ends(training.loss)[1] < LEARNED * view.chance(training) for training in view.trainings
    )


def ordered(view: View) -> list[Record]:
    """Linear and convolutional layers in the order of the first forward pass."""
    return sorted((m for m in view.modules if m["kind"] in WEIGHTS and m["parameters"]), key=lambda m: int(m["order"]))


def measure(view: View, name: str, layer: str, first: bool) -> np.ndarray:
    """The values of a measure of a layer, of the first steps or of the last ones."""
    table = view.trace.layers
    if name not in table or "layer" not in table:
        return np.empty(0)
    rows = np.asarray(table["layer"]) == layer
    values, steps = np.asarray(table[name], dtype=float)[rows], np.asarray(table["step"], dtype=float)[rows]
    is_finite = np.isfinite(values)
    values, steps = values[is_finite], steps[is_finite]
    return values[steps < EARLY] if first else values[-4:]


def depth(view: View, training: Training) -> list[Finding]:
    """Gradients that fade or grow geometrically towards the input."""
    layers = [
        m
        for m in ordered(view)
        if any(p["module"] == m["name"] and training.index in p["optimizers"] for p in view.parameters)
    ]
    sizes = [float(np.median(v)) if len(v := measure(view, "grad_rms", m["name"], True)) else math.nan for m in layers]
    pairs = [(m, size) for m, size in zip(layers, sizes, strict=True) if not math.isnan(size)]
    if len(pairs) < LAYERS:
        return []
    values = np.array([size for _, size in pairs])
    if not values[-1] > 0:
        return []
    logs = np.log(np.maximum(values, 1e-45))
    place = np.arange(len(logs), dtype=float)
    slope = float(np.polyfit(place, logs, 1)[0])
    residual = logs - np.polyval(np.polyfit(place, logs, 1), place)
    error = math.sqrt(float((residual**2).sum()) / max(1, len(logs) - 2) / float(((place - place.mean()) ** 2).sum()))
    ratio = math.exp(-slope * (len(logs) - 1))  # first layer over last
    clear = abs(slope) > 3 * error
    stuck = stalls(view, training)
    factor = math.exp(-slope)
    evidence = {"first_over_last": float(values[0] / values[-1]), "factor_per_layer": factor, "layers": len(logs)}
    ends_at = f"from {pairs[-1][0]['name']} ({digits(values[-1])}) to {pairs[0][0]['name']} ({digits(values[0])}) in the first steps"
    if ratio < WARN_RATIO and clear and stuck:
        return [
            Finding(
                "vanishing_gradients",
                "error" if ratio < ERROR_RATIO else "warning",
                f"Gradients shrink {digits(factor)}× a layer towards the input, {ends_at}, and the loss {_standstill(training)}.",
                evidence,
                "Use ReLU with He's initialization, a norm in every layer, or residual connections.",
            )
        ]
    if ratio > 1 / WARN_RATIO and clear and stuck:
        return [
            Finding(
                "exploding_gradients",
                "error" if ratio > 1 / ERROR_RATIO else "warning",
                f"Gradients grow {digits(factor)}× a layer towards the input, {ends_at}.",
                evidence,
                "Use smaller initial weights (He's or Xavier's), a norm in every layer, or clip the gradient's norm.",
            )
        ]
    return []


def units(view: View) -> list[Finding]:
    """Layers whose units are dead or saturated."""
    findings = []
    table = view.trace.layers
    names = dict.fromkeys(str(name) for name in table.get("layer", ()))
    stuck = any(stalls(view, t) for t in view.trainings if len(t.loss))
    kinds = {m["name"]: m for m in view.modules}
    dead = {}
    for name in names:
        rows = measure(view, "rows", name, False)
        values = measure(view, "dead", name, False)
        width = (kinds.get(name, {}).get("out_shape") or [0])[-1] if name in kinds else 0
        share = float(np.median(values)) if len(values) and len(rows) else 0.0
        fewest = FEWEST_ROWS_OF_ALL if share == 1.0 else FEWEST_ROWS
        if share >= DEAD and np.median(rows) >= fewest and width != 1:
            dead[name] = share
    if dead:
        worst = max(dead, key=lambda name: dead[name])
        findings.append(
            Finding(
                "dead_units",
                "info" if learned(view) else "warning",
                f"{percent(dead[worst])} of the units behind {worst} are zero on whole batches: no gradient passes through them.",
                {"shares": dead},
                "Lower the learning rate, use He's initialization or LeakyReLU, and look at the scale of the inputs.",
            )
        )
    saturated = {}
    for name in names:
        start, end = measure(view, "saturated", name, True), measure(view, "saturated", name, False)
        if len(start) and float(np.median(start[:3])) >= SATURATED and (stuck or float(np.median(end)) >= SATURATED):
            saturated[name] = float(np.median(start[:3]))
        elif len(end) and float(np.median(end)) >= 0.9 and stuck:
            saturated[name] = float(np.median(end))
    if saturated:
        worst = max(saturated, key=lambda name: saturated[name])
        findings.append(
            Finding(
                "saturated_units",
                "warning",
                f"{percent(saturated[worst])} of the outputs behind {worst} sit on the flat part of the activation.",
                {"shares": saturated},
                "Use smaller initial weights and inputs of unit scale, or ReLU.",
            )
        )
    return findings


def beginnings(view: View) -> list[Finding]:
    """Weights that start alike, far too large or far too small."""
    weights = [
        p for p in view.parameters if p["kind"] in WEIGHTS and len(p["shape"]) >= 2 and p["first"] and p["optimizers"]
    ]
    used = [p for p in weights if p["reached"]]
    alike = [p for p in used if p["first"]["alike"] and p["last"].get("alike") and p["shape"][0] >= 2]
    if alike and any(t.optimizer["steps"] >= FEW for t in view.trainings):
        first = alike[0]
        evidence = {"parameters": [p["name"] for p in alike[:10]], "value": first["first"]["mean"]}
        return [
            Finding(
                "bad_initialization",
                "error",
                f"All rows of {first['name']} start alike, at {digits(first['first']['mean'])}: its {first['shape'][0]} units get the "
                "same gradient and stay one unit.",
                evidence,
                f"Start them at random: `nn.init.kaiming_normal_({first['name']})`, or leave PyTorch's default.",
            ),
            Finding(
                "symmetric_units",
                "warning",
                f"The {first['shape'][0]} units of {first['module']} are alike at the start and at the end.",
                evidence,
                "Break the symmetry with random initial weights.",
            ),
        ]
    constant = [p for p in used if p["shape"][0] >= 2 and p["first"]["fan_in"] >= 2 and _constant(p["first"])]
    if constant and any(t.optimizer["steps"] >= FEW for t in view.trainings):
        first = constant[0]
        return [
            Finding(
                "bad_initialization",
                "warning",
                f"Every weight of {first['name']} starts at {digits(first['first']['mean'])}: its {first['shape'][0]} units differ by their "
                "biases alone and learn much the same.",
                {"parameters": [p["name"] for p in constant[:10]], "value": first["first"]["mean"]},
                f"Start them at random: `nn.init.kaiming_normal_({first['name']})`, or leave PyTorch's default.",
            )
        ]
    gains = {p["name"]: p["first"]["rms"] * math.sqrt(p["first"]["fan_in"]) for p in used if p["first"]["fan_in"] >= 8}
    large = {name: gain for name, gain in gains.items() if gain > LARGE}
    harmed = any(_starts_badly(view, t) or stalls(view, t) for t in view.trainings if len(t.loss))
    if large and harmed:
        worst = max(large, key=lambda name: large[name])
        return [
            Finding(
                "bad_initialization",
                "warning",
                f"{worst} starts far too large: {digits(large[worst])} times 1/√fan_in, where He's initialization has 1.41.",
                {"gains": large},
                f"Use `nn.init.kaiming_normal_({worst})`, or leave PyTorch's default.",
            )
        ]
    hidden = list(gains.values())
    if len(hidden) >= 2 and max(hidden[:-1]) < SMALL and any(stalls(view, t) for t in view.trainings if len(t.loss)):
        return [
            Finding(
                "bad_initialization",
                "warning",
                f"The weights start far too small: {digits(max(hidden))} times 1/√fan_in at most, where He's initialization has 1.41.",
                {"gains": gains},
                "Use `nn.init.kaiming_normal_`, or leave PyTorch's default.",
            )
        ]
    return []


def _constant(first: Record) -> bool:
    """Whether all weights are one number other than zero, which some last layers start at on purpose."""
    return abs(float(first["mean"])) > 0 and float(first["std"]) < 1e-3 * abs(float(first["mean"]))


def _starts_badly(view: View, training: Training) -> bool:
    chance = view.chance(training)
    finite = training.loss[np.isfinite(training.loss)]
    return bool(len(finite)) and not math.isnan(chance) and float(finite[0]) > 5 * max(chance, 1e-3)


def linear(view: View) -> list[Finding]:
    """Linear layers on end with nothing between them."""
    by_name = {m["name"]: m for m in view.modules}
    feeds = [str(m["fed_by"]) for m in view.modules if m["fed_by"]]
    trained = {p["module"] for p in view.parameters if p["optimizers"]}
    for module in view.modules:
        before = by_name.get(str(module["fed_by"]))
        if (
            before is None
            or module["kind"] != "Linear"
            or before["kind"] != "Linear"
            or feeds.count(before["name"]) != 1
        ):
            continue
        parent = str(module["name"]).rpartition(".")[0]
        if parent != str(before["name"]).rpartition(".")[0] or not (module.get("bias") or before.get("bias")):
            continue  # two models, or a factorization
        if module["name"] not in trained or before["name"] not in trained:
            continue
        middle, outer = before.get("out_features", 0), min(before.get("in_features", 0), module.get("out_features", 0))
        if middle >= outer:
            return [_no_nonlinearity(before, module)]
    layers = ordered(view)
    if len(layers) >= FEW and all(m["fed_by"] for m in layers[1:]) and any("Conv" in m["kind"] for m in layers):
        return [_no_nonlinearity(layers[0], layers[1])]
    return []


def _no_nonlinearity(before: Record, after: Record) -> Finding:
    return Finding(
        "no_nonlinearity",
        "warning",
        f"Nothing nonlinear stands between {before['name']} and {after['name']}: together they are one linear layer.",
        {"layers": [before["name"], after["name"]]},
        f"Put an activation between them, e.g. `F.relu({before['name']}(x))`.",
    )
