"""Faults of the wiring: gradients that are never cleared, parameters that nobody updates or that no gradient reaches."""

from __future__ import annotations

import math

import numpy as np

from . import ascent
from .finding import Finding
from .numbers import percent, rank_correlation
from .view import Record, Training, View

ENDLESS = 0.4  # share of steps on used gradients: zeroed once in an epoch of two batches there are half of them
FEW = 3  # steps or calls below which a habit can't be told from an accident
MANY_BACKWARDS = 5  # backward passes without any step, from which the step was forgotten
DISCARDED = 0.45  # share of backward passes thrown away: with two micro-batches a step it is a half
SAME = 0.6  # share of steps with the same number of micro-batches


def judge(view: View) -> list[Finding]:
    """The findings on the wiring of a recorded script."""
    findings = not_zeroed(view) + nothing_trained(view)
    stuck = {finding.run for finding in findings if finding.code == "nothing_trained"}
    findings += not_in_optimizer(view)
    if not stuck:
        findings += without_gradient(view) or plain_without_gradient(view)
    return findings + accumulation(view) + growing_graph(view) + ascent.judge(view)


def not_zeroed(view: View) -> list[Finding]:
    """Steps on gradients that a step has used already."""
    for training in view.trainings:
        optimizer = training.optimizer
        steps, stale = int(optimizer["steps"]), int(optimizer["stale_steps"])
        if steps >= FEW and stale >= ENDLESS * steps and stale >= FEW - 1:
            name = optimizer["name"] or "optimizer"
            zeroed = steps - stale
            rhythm = "never cleared" if zeroed <= 1 else f"cleared only {zeroed} times"
            return [
                Finding(
                    "gradients_not_zeroed",
                    "error",
                    f"The gradients are {rhythm} in {steps} steps: {percent(stale / steps)} of the steps of {name} "
                    "use the sum of earlier batches' gradients as well.",
                    {"steps": steps, "stale_steps": stale},
                    f"Add `{name}.zero_grad()` before every `loss.backward()`.",
                    file=_first_line(optimizer["stepped"]),
                )
            ]
    hand = view.facts.get("by_hand", {})
    steps, stale = int(hand.get("steps", 0)), int(hand.get("stale_steps", 0))
    if steps >= FEW and stale >= ENDLESS * steps:
        return [
            Finding(
                "gradients_not_zeroed",
                "error",
                f"The script updates its parameters itself {steps} times and clears their gradients before "
                f"{steps - stale} of them: each backward pass adds to the old gradient.",
                {"steps": steps, "stale_steps": stale},
                "Set `p.grad = None` for every parameter after its update.",
                file=_line_of_backward(view),
            )
        ]
    return []


def nothing_trained(view: View) -> list[Finding]:
    """Optimizers whose parameters never change."""
    hand = int(view.facts.get("by_hand", {}).get("steps", 0))
    moved = any(p["changed"] > 0 or math.isnan(p["changed"]) for p in view.parameters)
    for training in view.trainings:
        optimizer = training.optimizer
        steps = int(optimizer["steps"])
        parameters = [p for p in view.parameters if training.index in p["optimizers"]]
        if steps >= FEW and not optimizer["moved"] and not any(p["changed"] > 0 for p in parameters):
            return [_still(view, training, parameters)]
        if steps == 0 and parameters and not optimizer["skipped"] and not hand and not moved:
            calls = sum(int(b["calls"]) for b in view.records("backwards") if training.index in b["reaches"])
            stepping = any(other.optimizer["steps"] for other in view.trainings)
            if calls >= MANY_BACKWARDS and not stepping:
                name = optimizer["name"] or "optimizer"
                return [
                    Finding(
                        "nothing_trained",
                        "error",
                        f"{calls} backward passes and not one step of {name}: no parameter changes.",
                        {"backward_passes": calls, "steps": 0},
                        f"Call `{name}.step()` after `loss.backward()`.",
                        file=str(optimizer["line"]),
                    )
                ]
    return []


def _still(view: View, training: Training, parameters: list[Record]) -> Finding:
    optimizer = training.optimizer
    name, steps = optimizer["name"] or "optimizer", int(optimizer["steps"])
    evidence = {"steps": steps, "parameters": len(parameters), "steps_without_gradient": int(optimizer["empty_steps"])}
    frozen = [p for p in parameters if not p["requires_grad"]]
    rootless = [b for b in view.records("backwards") if b["rootless"]]
    discarded = sum(optimizer["discarded"].values())
    line = str(optimizer["line"])
    if parameters and len(frozen) == len(parameters):
        why, remedy = "all of its parameters have requires_grad=False", "Give it the parameters that shall train."
    elif training.lr.size and not np.any(training.lr[np.isfinite(training.lr)] > 0):
        why, remedy = "its learning rate is 0", "Set a learning rate above 0."
    elif discarded >= steps / 2:
        why = "its gradients are cleared between backward() and step()"
        remedy = f"Call `{name}.zero_grad()` before `loss.backward()`, not after it."
        line = _first_line(optimizer["discarded"]) or line
    elif rootless:
        why = (
            "the loss has no graph: it was detached from the network (.data, .detach(), .item() or a new tensor of it)"
        )
        remedy = "Call backward() on the loss itself; take out what detaches it."
        line = str(rootless[0]["line"])
    elif not view.facts.get("backward_calls"):
        why, remedy = "backward() is never called", f"Call `loss.backward()` before `{name}.step()`."
    elif any(p["reached"] for p in view.parameters if not p["optimizers"]):
        why = "the gradients flow into other parameters than those which it was given"
        remedy = "Make the optimizer after the model that is trained: `torch.optim.SGD(model.parameters(), …)`."
    else:
        why, remedy = (
            "no gradient reaches its parameters",
            "Look for a detach() or no_grad() between them and the loss.",
        )
    return Finding(
        "nothing_trained", "error", f"{steps} steps of {name} change nothing: {why}.", evidence, remedy, file=line
    )


def not_in_optimizer(view: View) -> list[Finding]:
    """Trainable parameters that get a gradient and no update."""
    lost = [
        (kind, entry)
        for kind, entry in view.facts.get("lost_modules", {}).items()
        if entry["parameters"] and entry["count"] >= MANY_BACKWARDS
    ]
    for kind, entry in lost:
        if any(training.optimizer["steps"] for training in view.trainings):
            return [
                Finding(
                    "parameters_not_in_optimizer",
                    "error",
                    f"{entry['count']} modules of kind {kind} live for one forward pass alone: made anew each time with "
                    "fresh random weights, they never train.",
                    {"made": entry["count"], "kind": kind},
                    f"Make the {kind} once, in __init__, and call it in forward().",
                )
            ]
    owners = {index for t in view.trainings if t.optimizer["steps"] for index in [t.index]}
    optimized = [p for p in view.parameters if owners & set(p["optimizers"]) and p["is_parameter"]]
    if not optimized or not any(p["module"] for p in optimized):
        return []
    roots = {_root(p) for p in optimized if p["module"]}
    plain = set(view.facts.get("plain_lists", ()))
    modes = {module["name"]: module["calls"] for module in view.modules}
    missing = []
    for p in view.parameters:
        trainable = p["requires_grad"] and (p["is_parameter"] or p["module"] in plain)
        if p["optimizers"] or not trainable or not p["reached"] or p["by_autograd"]:
            continue
        if p["changed"] > 0 or math.isnan(p["changed"]):
            continue
        calls = modes.get(p["module"])
        evaluating = calls is not None and calls["eval_grad"] > calls["train_grad"]
        if (_root(p) in roots or p["module"] in plain or (calls is not None and p["module"])) and not evaluating:
            missing.append(p)
    if not missing:
        return []
    lists = sorted({p["module"] for p in missing if p["module"] in plain})
    names = ", ".join(str(p["name"] or f"a parameter of shape {tuple(p['shape'])}") for p in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    if lists and not any(p["is_parameter"] for p in missing):
        remedy = f"Make it a parameter, `nn.Parameter(…)`: parameters() does not see the plain tensor {lists[0]}."
    elif lists:
        remedy = f"Hold the layers in `nn.ModuleList`, not in a plain list: parameters() does not see {lists[0]}."
    else:
        remedy = (
            "Give the optimizer all of them, `optimizer.add_param_group({'params': …})`, or freeze them; "
            "a layer that is replaced is replaced before the optimizer is made."
        )
    return [
        Finding(
            "parameters_not_in_optimizer",
            "error",
            f"{len(missing)} trainable parameters get gradients but no optimizer has them: {names}{more}.",
            {"parameters": len(missing), "names": [p["name"] for p in missing[:20]]},
            remedy,
            file=str(view.trainings[0].optimizer["line"]),
        )
    ]


def _root(parameter: Record) -> str:
    return str(parameter["module"]).split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def without_gradient(view: View) -> list[Finding]:
    """Parameters whose module works in training, and which no backward pass reaches."""
    findings = []
    called = {m["name"] for m in view.modules if m["calls"]["train_grad"] + m["calls"]["eval_grad"] >= FEW}
    training_calls = max((m["calls"]["train_grad"] for m in view.modules), default=0)
    called |= {m["name"] for m in view.modules if m["calls"]["train_no_grad"] >= max(FEW, 0.5 * training_calls)}
    cut: list[Record] = []
    unused: list[Record] = []
    zero: list[Record] = []
    for p in view.parameters:
        if not p["requires_grad"] or not p["optimizers"]:
            continue
        if not any(view_steps(view, index) >= FEW for index in p["optimizers"]):
            continue
        got = p["with_gradient"] + p["zero_gradient"] + p["reached"] + p["by_autograd"]
        if not got and p["without_gradient"] and not p["changed"] > 0:
            (cut if p["module"] in called else unused).append(p)
        elif p["zero_gradient"] >= FEW and not p["with_gradient"] and len(p["shape"]) >= 2:
            zero.append(p)
    if cut:
        names = ", ".join(str(p["name"]) for p in cut[:3])
        more = f" and {len(cut) - 3} more" if len(cut) > 3 else ""
        findings.append(
            Finding(
                "parameters_without_gradient",
                "error",
                f"{len(cut)} parameters work in the forward pass but no gradient reaches them: {names}{more}.",
                {"parameters": len(cut), "names": [p["name"] for p in cut[:20]]},
                f"Look between {cut[-1]['module']} and the loss for detach(), .data, .item(), numpy(), argmax or no_grad().",
                file=_line_of_backward(view),
            )
        )
    unused = [p for p in unused if p["name"]]  # others belong to a layer that was replaced: it is no part of the model
    if unused:
        names = ", ".join(str(p["name"]) for p in unused[:3])
        findings.append(
            Finding(
                "parameters_without_gradient",
                "info",
                f"{len(unused)} parameters in the optimizer take no part in the forward pass: {names}.",
                {"parameters": len(unused)},
                "Use the layer in forward(), or take it out.",
            )
        )
    if zero:
        findings.append(
            Finding(
                "zero_gradient",
                "info",
                f"The gradient of {zero[0]['name']} is exactly zero on every step that was measured.",
                {"parameters": len(zero), "names": [p["name"] for p in zero[:20]]},
                "Look for a factor 0, units that are all dead, or a loss that does not depend on it.",
            )
        )
    return findings


def plain_without_gradient(view: View) -> list[Finding]:
    """Plain tensors handed to an optimizer beside others that it trains, and never trained themselves.

    A layer is frozen by requires_grad=False on purpose; a plain tensor has it unless its author asks for a gradient.
    """
    for training in view.trainings:
        if view_steps(view, training.index) < FEW or not training.optimizer["moved"]:
            continue
        name = training.optimizer["name"] or "optimizer"
        still = [
            p
            for p in view.parameters
            if training.index in p["optimizers"]
            and not (p["is_parameter"] or p["module"])
            and not (p["requires_grad"] or p["first_requires_grad"])
            and not (p["with_gradient"] or p["zero_gradient"] or p["by_autograd"] or p["changed"])
        ]
        if still:
            names = ", ".join(str(p["name"] or f"one of shape {tuple(p['shape'])}") for p in still[:3])
            return [
                Finding(
                    "parameters_without_gradient",
                    "warning",
                    f"{len(still)} plain {'tensors' if len(still) > 1 else 'tensor'} in {name} can get no gradient, since requires_grad is False, "
                    f"and never {'change' if len(still) > 1 else 'changes'}: {names}.",
                    {"parameters": len(still), "names": [p["name"] for p in still[:20]]},
                    "Make it with requires_grad=True, or as nn.Parameter; what shall stay as it is needs no optimizer.",
                    file=str(training.optimizer["line"]),
                )
            ]
    return []


def view_steps(view: View, index: int) -> int:
    """Steps of the optimizer with this number."""
    return sum(int(t.optimizer["steps"]) for t in view.trainings if t.index == index)


def accumulation(view: View) -> list[Finding]:
    """Micro-batches whose gradients are thrown away, or added up where a mean was meant."""
    lines = [line for t in view.trainings for line in t.optimizer["stepped"]]
    for training in view.trainings:
        optimizer = training.optimizer
        name = optimizer["name"] or "optimizer"
        for line, discarded in optimizer["discarded"].items():
            stepped = int(optimizer["stepped"].get(line, 0))
            if (
                stepped
                and lines.count(line) == 1
                and discarded >= FEW
                and discarded >= DISCARDED * (discarded + stepped)
            ):
                return [
                    Finding(
                        "accumulated_gradients_discarded",
                        "error",
                        f"{discarded} of {discarded + stepped} backward passes are thrown away: {name} is zeroed before "
                        "it has used their gradients.",
                        {"discarded": discarded, "used": stepped},
                        f"Call `{name}.zero_grad()` only after `{name}.step()`, not in every micro-batch.",
                        file=line,
                    )
                ]
        findings = _undivided(view, training)
        if findings:
            return findings
    return []


def _undivided(view: View, training: Training) -> list[Finding]:
    optimizer = training.optimizer
    steps = int(optimizer["steps"])
    sizes = {int(size): count for size, count in optimizer["micro"].items()}
    if not sizes or optimizer["closures"] or optimizer["rescaled"] or optimizer["stale_steps"]:
        return []
    size = max(sizes, key=lambda key: sizes[key])
    if size < 2 or sizes[size] < SAME * steps or sizes[size] < 2 or len(training.backwards) != 1:
        return []
    backward = training.backwards[0]
    if len(backward["losses"]) == 1:
        loss = backward["losses"][0]
        if loss["divided"] or loss["reduction"] != "mean" or loss["factor"] != 1.0:
            return []
    elif not view.hand_written(training):
        return []
    if view.owned(training) and not view.alone(training):
        return []
    return [
        Finding(
            "accumulated_loss_not_divided",
            "warning",
            f"{size} backward passes of a mean loss are added up for each step, so the gradient is {size} times that of "
            "one batch, and with it the learning rate.",
            {"micro_batches": size, "steps": steps},
            f"Divide before going back: `(loss / {size}).backward()`.",
            file=str(backward["line"]),
        )
    ]


def growing_graph(view: View) -> list[Finding]:
    """A backward pass that goes through all earlier steps as well."""
    for backward in view.records("backwards"):
        sizes = [tuple(size) for size in backward["sizes"]]
        if len(sizes) < 5 or backward["retained"] < 0.5 * backward["calls"]:
            continue
        nodes = np.array([size for _, size in sizes], dtype=float)
        if rank_correlation(nodes) > 0.95 and nodes[-1] >= 3 * nodes[0]:
            return [
                Finding(
                    "graph_grows",
                    "error",
                    f"The graph behind the loss grows from {int(nodes[0])} to {int(nodes[-1])} operations: every backward "
                    "pass goes through all earlier steps again.",
                    {"first_operations": int(nodes[0]), "last_operations": int(nodes[-1]), "calls": backward["calls"]},
                    "Cut it between steps, `hidden = hidden.detach()`, and take out retain_graph=True.",
                    file=str(backward["line"]),
                )
            ]
    return []


def _first_line(counts: dict[str, int]) -> str:
    return next(iter(counts), "")


def _line_of_backward(view: View) -> str:
    lines = view.records("backwards")
    return str(lines[0]["line"]) if lines else ""
