"""Faults between output, answer and loss: what the loss is fed, shapes, labels, their order, the scale of the data."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, ends, percent
from .view import Record, Training, View

BOUNDED = {
    "Sigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, math.inf),
    "Softmax": (0.0, 1.0),
    "SoftmaxOfOne": (1.0, 1.0),
}
WORDS = {
    "Sigmoid": "a sigmoid",
    "Tanh": "a tanh",
    "Relu": "a ReLU",
    "Softmax": "a softmax",
    "SoftmaxOfOne": "a softmax over one unit",
}
DISTANCES = ("mse", "l1", "smooth_l1", "huber")
SLACK = 0.05  # share of the targets' spread by which they may lie outside the output's range
FEW = 3
RAW = 20.0  # root mean square of the inputs: nn.Linear's first pre-activations then have a deviation of 20 / √3 ≈ 12
VERY_RAW = 50.0  # whatever became of it
FAINT_INPUT = 0.01
SOLVED = 0.2  # of the loss of guessing
FAR = 30.0  # a target so far from zero costs Adam at a rate of 1e-3 thirty thousand steps for the bias alone


def judge(view: View) -> list[Finding]:
    """The findings on losses, outputs, labels and data."""
    findings = []
    for loss in view.losses:
        if loss["calls_grad"] or loss["failed"]:
            findings += output(loss) or shapes(loss)
            findings += labels(view, loss)
    return findings + blown(view) + summed(view) + inputs(view) + targets(view)


def _output_layer(loss: Record) -> str:
    counts = loss["producers"]
    return max(counts, key=lambda name: counts[name]) if counts else ""


def output(loss: Record) -> list[Finding]:  # noqa: PLR0912  # a case per loss
    """What a loss is fed against what it takes."""
    kind, layer, values = str(loss["kind"]), _output_layer(loss), loss["input"]
    line = str(loss["line"])
    evidence = {"made_by": layer, "min": values.get("min"), "max": values.get("max"), "shape": values.get("shape")}

    def misfit(message: str, remedy: str, code: str = "output_does_not_fit_loss") -> list[Finding]:
        return [Finding(code, "error", message, evidence, remedy, file=line)]

    if layer == "SoftmaxOfOne":
        return misfit("A softmax over one unit is always 1, whatever the network says.", "Use a sigmoid, or two units.")
    if kind == "cross_entropy":
        shape = values.get("shape") or []
        if len(shape) == 2 and shape[1] == 1 and loss["labels"]["kind"] == "classes":
            return misfit(
                "cross_entropy over a single class is always 0.",
                "One output per class, or binary_cross_entropy_with_logits.",
            )
        if layer == "Softmax" or (values.get("sums_to_one") and values.get("graded") and layer != "LogSoftmax"):
            return misfit(
                "cross_entropy is fed probabilities: it takes the softmax a second time, which flattens its gradient.",
                "Feed it the logits: take the softmax out.",
                "softmax_before_cross_entropy",
            )
        if layer in ("Sigmoid", "Relu", "Tanh"):
            return misfit(
                f"cross_entropy is fed the output of {WORDS[layer]} where it expects logits of either sign and any size.",
                f"Take {WORDS[layer]} out before the loss.",
            )
    if kind == "nll" and values.get("max") is not None:
        if layer == "Softmax" or (values.get("sums_to_one") and values["min"] >= 0):
            return misfit(
                "nll_loss is fed probabilities where it expects their logarithms.",
                "Use log_softmax, or cross_entropy on the logits.",
            )
        if values["max"] > 1e-4:
            return misfit(
                f"nll_loss is fed numbers up to {digits(values['max'])}; logarithms of probabilities are never above 0.",
                "Use log_softmax before it, or cross_entropy.",
            )
        if layer == "LogSoftmax" and values.get("exp_sums_to_one", 0.0) > 0.05:
            return misfit(
                "The log_softmax before nll_loss runs over the wrong dimension: the classes' probabilities do not add up to 1.",
                "Use `log_softmax(x, dim=1)`.",
            )
    if kind == "bce_with_logits" and layer in ("Sigmoid", "Softmax", "Relu"):
        return misfit(
            f"binary_cross_entropy_with_logits is fed the output of {WORDS[layer]}: it takes the sigmoid itself.",
            f"Feed it the logits: take {WORDS[layer]} out.",
        )
    if kind == "bce" and (layer == "Relu" or "between 0 and 1" in loss["failed"]):
        return misfit(
            "binary_cross_entropy is fed numbers that are no probabilities.",
            "Put a sigmoid before it, or use binary_cross_entropy_with_logits on the logits.",
        )
    if (
        kind == "kl_div"
        and values.get("max") is not None
        and values["max"] > 1e-4
        and (layer == "Softmax" or values.get("sums_to_one"))
    ):
        return misfit(
            "kl_div is fed probabilities where it expects their logarithms.",
            "Use `F.log_softmax` for its first argument.",
        )
    if kind in DISTANCES and layer in BOUNDED:
        return _reach(loss, layer, misfit)
    return []


def _reach(loss: Record, layer: str, misfit: object) -> list[Finding]:
    target = loss["target"]
    low, high = BOUNDED[layer]
    least, largest = target.get("min"), target.get("max")
    if least is None or largest is None:
        return []
    slack = SLACK * max(largest - least, 1e-12)
    if largest > high + slack or least < low - slack:
        assert callable(misfit)
        findings: list[Finding] = misfit(
            f"The targets lie between {digits(least)} and {digits(largest)}; the output of {WORDS[layer]} can't reach them.",
            f"Take {WORDS[layer]} out of the last layer, or scale the targets into its range.",
        )
        return findings
    return []


def shapes(loss: Record) -> list[Finding]:
    """Prediction and target blown up against each other."""
    worst = loss["worst"]
    if not worst:
        return []
    prediction, target = tuple(worst["input"]), tuple(worst["target"])
    return [
        Finding(
            "shapes_broadcast",
            "error",
            f"The prediction has shape {prediction} and the target {target}: {loss['kind']} compares every one with every other, "
            f"{worst['elements']} pairs.",
            dict(worst),
            "Give both the same shape: `target.view_as(prediction)`.",
            file=str(loss["line"]),
        )
    ]


def blown(view: View) -> list[Finding]:
    """The same in a loss written by hand."""
    for backward in view.records("backwards"):
        if backward["blown"]:
            prediction, difference = tuple(backward["blown"]["prediction"]), tuple(backward["blown"]["difference"])
            return [
                Finding(
                    "shapes_broadcast",
                    "error",
                    f"The prediction has shape {prediction} and its difference from the target {difference}: every prediction is "
                    "compared with every target.",
                    dict(backward["blown"]),
                    "Give both the same shape: `target.view_as(prediction)`.",
                    file=str(backward["line"]),
                )
            ]
    return []


def labels(view: View, loss: Record) -> list[Finding]:
    """Labels of one class, outside what the loss takes, or in order."""
    label_facts, line = loss["labels"], str(loss["line"])
    failed = str(loss["failed"])
    if label_facts["out_of_range"] or "out of bounds" in failed or ("Assertion" in failed and "n_classes" in failed):
        return [
            Finding(
                "degenerate_labels",
                "error",
                f"A label is {digits(label_facts['max'])}, but the output has {label_facts['classes']} classes, 0 to {label_facts['classes'] - 1}.",
                {"largest": label_facts["max"], "classes": label_facts["classes"]},
                "Count the classes from 0 and give the last layer as many units as there are classes.",
                file=line,
            )
        ]
    if (
        label_facts["kind"] == "binary"
        and label_facts["batches"]
        and (label_facts["min"] < -1e-6 or label_facts["max"] > 1 + 1e-6)
    ):
        return [
            Finding(
                "degenerate_labels",
                "error",
                f"The labels lie between {digits(label_facts['min'])} and {digits(label_facts['max'])}; {loss['kind']} takes 0 to 1.",
                {"min": label_facts["min"], "max": label_facts["max"]},
                "Map the labels to 0 and 1.",
                file=line,
            )
        ]
    owners = [t for t in view.trainings if view.criterion(t) is loss and view.alone(t)]
    if not owners or label_facts["batches"] < FEW or label_facts["kind"] not in ("classes", "binary", "shares"):
        return []
    counts = np.asarray(label_facts["counts"], dtype=float)
    present = int((counts > 0).sum())
    linear = _output_layer(loss) in ("Addmm", "Mm", "Linear", "Convolution", "Sigmoid", "LogSoftmax", "Softmax")
    if present == 1 and not label_facts["fractional"]:
        direct = (
            label_facts["kind"] != "classes"
            or int(loss["linear_classes"]) == int(label_facts["classes"])
            or _output_layer(loss) in ("LogSoftmax",)
        )
        return (
            [
                Finding(
                    "degenerate_labels",
                    "error",
                    f"Every label is {int(np.argmax(counts))}: there is nothing to tell apart.",
                    {"classes_seen": 1, "labels": int(counts.sum())},
                    "Look at how the labels are read; a comparison or a cast may have made them all alike.",
                    file=line,
                )
            ]
            if linear and direct
            else []
        )
    read_in_order = any(
        entry["sampler"] == "SequentialSampler" and entry["batches"] > 1 for entry in view.records("loaders")
    )
    return _unshuffled(label_facts, line, read_in_order)


def _unshuffled(labels: Record, line: str, read_in_order: bool) -> list[Finding]:
    means, sizes = np.asarray(labels["means"], dtype=float), np.asarray(labels["sizes"], dtype=float)
    if len(means) < 4 or np.median(sizes) < 4 or labels["fractional"]:
        return []
    alone = float(labels["one_class"]) / labels["batches"]
    full = sizes == np.median(sizes)
    expected = float(labels["variance"]) / float(
        np.median(sizes)
    )  # of the batch means, were the batches drawn at random
    ratio = float(np.var(means[full])) / expected if expected > 0 and full.sum() >= 4 else 0.0
    rows = float(np.median(sizes))
    counts = np.asarray(labels["counts"], dtype=float)
    shares = counts / max(counts.sum(), 1.0)
    by_chance = float((shares**rows).sum())  # a random batch is of one class
    in_order = ratio > max(4.0, rows / 4) and full.sum() >= 8
    if not (alone > 0.5 and by_chance < 0.05) and not in_order:
        return []
    if not read_in_order and not _returns(means):
        return []  # class after class, never to come back: tasks that are learned one after the other
    return [
        Finding(
            "batches_not_shuffled",
            "warning",
            f"The batches come in the order of the labels: {percent(alone)} of them hold one class alone, and their mean labels "
            f"differ {digits(ratio)} times as much as random batches would.",
            {"one_class_batches": alone, "spread_over_chance": ratio, "batches": labels["batches"]},
            "Shuffle: `DataLoader(…, shuffle=True)`, or `order = torch.randperm(len(X))` anew in each epoch.",
            file=line,
        )
    ]


def _returns(means: np.ndarray) -> bool:
    """Whether what the first batches held comes again later, after something else: the order of an epoch, repeated."""
    spread = float(np.ptp(means))
    first = float(np.mean(means[:2]))
    away = np.abs(means - first) > 0.5 * spread
    if not away.any():
        return False
    return bool((np.abs(means[int(np.argmax(away)) :] - first) < 0.1 * spread).any())


def summed(view: View) -> list[Finding]:
    """A loss that is summed over the batch."""
    for training in view.trainings:
        if len(training.backwards) != 1 or not view.alone(training):
            continue
        backward = training.backwards[0]
        losses = backward["losses"]
        torch_sum = len(losses) == 1 and losses[0]["reduction"] == "sum" and not losses[0]["divided"]
        by_hand = (
            not losses
            and backward["top"][:1] == ["Sum"]
            and any(name in backward["top"][1:4] for name in ("Pow", "Abs", "Mul"))
        )
        loss = view.criterion(training) if torch_sum else None
        rows = int((loss["input"].get("shape") or [1])[0]) if loss else 2
        if not (torch_sum or by_hand) or rows < 2:
            continue
        costly = _unstable(view, training)
        return [
            Finding(
                "loss_summed_over_batch",
                "warning" if costly and not training.adaptive else "info",
                "The loss is a sum over the batch"
                + (f" of {rows}" if loss else "")
                + ": gradient and learning rate grow with its size.",
                {"batch": rows, "update_ratio": _update_ratio(view, training)},
                "Take the mean, reduction='mean'; then set the learning rate again.",
                file=str(backward["line"]),
            )
        ]
    return []


def _update_ratio(view: View, training: Training) -> float:
    ratios = np.asarray(view.trace.layers.get("update_ratio", ()), dtype=float)
    ratios = ratios[np.isfinite(ratios)]
    return float(np.median(ratios)) if len(ratios) else math.nan


def _unstable(view: View, training: Training) -> bool:
    first, last = ends(training.loss)
    return not np.isfinite(training.loss).all() or not last < 0.9 * first or float(np.nanmax(training.loss)) > 3 * first


def inputs(view: View) -> list[Finding]:
    """Inputs far from unit scale, straight into a layer with weights."""
    trained = [t for t in view.trainings if t.optimizer["steps"]]
    if not trained or not any(view.supervised(t) or view.hand_written(t) for t in trained):
        return []
    for module in view.modules:
        scale = module["input"]
        if not scale or module["norm"] or module["kind"] in ("Embedding", "LayerNorm", "InstanceNorm2d", "GroupNorm"):
            continue
        if module["calls"]["train_grad"] < FEW:
            continue
        rms = float(scale["rms"])
        solved = any(_solved(view, t) for t in trained)
        if rms > VERY_RAW or (rms > RAW and not solved) or (rms < FAINT_INPUT and rms > 0 and not solved):
            word = "large" if rms > 1 else "small"
            return [
                Finding(
                    "inputs_not_normalized",
                    "warning",
                    f"The inputs of {module['name'] or module['kind']} are {word}: root mean square {digits(rms)}, from "
                    f"{digits(scale['min'])} to {digits(scale['max'])}.",
                    {key: scale[key] for key in scale},
                    "Standardize them by the training data: `x = (x - mean) / std`.",
                )
            ]
    return []


def _solved(view: View, training: Training) -> bool:
    chance = view.chance(training)
    _, last = ends(training.loss)
    return bool(last < SOLVED * chance)


def targets(view: View) -> list[Finding]:
    """Targets far from unit scale, before a plain linear output."""
    for training in view.trainings:
        loss = view.criterion(training)
        if loss is None or loss["kind"] not in DISTANCES or not view.supervised(training):
            continue
        target_facts = loss["labels"]
        if target_facts["kind"] != "numbers" or math.isnan(target_facts["variance"]):
            continue
        size = math.sqrt(max(float(target_facts["mean"]) ** 2 + float(target_facts["variance"]), 0.0))
        _, last = ends(training.loss)
        guess = (
            float(target_facts["variance"])
            if loss["kind"] == "mse"
            else math.sqrt(max(float(target_facts["variance"]), 0.0))
        )
        if size > FAR and not last < 0.5 * guess:
            return [
                Finding(
                    "inputs_not_normalized",
                    "warning",
                    f"The targets are far from unit scale: mean {digits(float(target_facts['mean']))}, root mean square {digits(size)}, "
                    "and the training does no better than their mean.",
                    {
                        "target_mean": target_facts["mean"],
                        "target_rms": size,
                        "last_loss": last,
                        "variance": target_facts["variance"],
                    },
                    "Standardize the targets, and turn the prediction back: `y = (y - y.mean()) / y.std()`.",
                    file=str(loss["line"]),
                )
            ]
    return []
