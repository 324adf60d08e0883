"""Faults of modes: BatchNorm and dropout in the wrong one, in training or in evaluation."""

from __future__ import annotations

from .finding import Finding
from .numbers import percent
from .view import Record, View

FORGOTTEN = (
    0.2  # share of training steps in eval mode: train() forgotten after the first of five epochs leaves four fifths
)
HALF = 0.5
FEW = 3


def judge(view: View) -> list[Finding]:
    """The findings on modes."""
    return training_in_eval(view) + evaluation_in_train(view) + tiny_batches(view) + functional(view)


def _steps(module: Record) -> int:
    return int(module["train_steps"]) + int(module["eval_steps"])


def training_in_eval(view: View) -> list[Finding]:
    """Steps whose forward pass ran in eval mode, the whole model with it."""
    guilty = [
        module
        for module in view.modules
        if (module["norm"] or (module["dropout"] and module.get("p", 0) > 0))
        and _steps(module) >= FEW
        and module["root_eval_steps"] >= FORGOTTEN * _steps(module)
    ]
    norms = [m for m in guilty if m["norm"] and (m.get("trainable") or not m.get("affine", True))]
    dropouts = [m for m in guilty if m["dropout"]]
    if not norms and (not dropouts or all(_mostly_frozen(view, m) for m in dropouts)):
        return []
    root = str((norms or dropouts)[0]["name"]).split(".", maxsplit=1)[0]
    findings = []
    for code, modules, harm in (
        ("batchnorm_in_eval_mode", norms, "uses its running statistics and never learns them"),
        ("dropout_off_in_training", dropouts, "never drops a unit"),
    ):
        if modules:
            share = max(m["root_eval_steps"] / _steps(m) for m in modules)
            findings.append(
                Finding(
                    code,
                    "error",
                    f"{percent(share)} of the training steps run in eval mode: {modules[0]['name']} {harm}.",
                    {"share": share, "modules": [m["name"] for m in modules[:10]], "steps": _steps(modules[0])},
                    f"Call `{root}.train()` at the start of every epoch, after each evaluation.",
                )
            )
    return findings


def _mostly_frozen(view: View, module: Record) -> bool:
    """Whether most of the model around it is frozen, so that eval mode is meant."""
    root = str(module["name"]).split(".", maxsplit=1)[0]
    parameters = [p for p in view.parameters if str(p["module"]).split(".", maxsplit=1)[0] == root]
    trained = [p for p in parameters if p["requires_grad"] and p["optimizers"]]
    return bool(parameters) and 2 * len(trained) <= len(parameters)


def evaluation_in_train(view: View) -> list[Finding]:
    """Evaluations under no_grad with BatchNorm or dropout in train mode."""
    evaluated = any(int(loss["calls_no_grad"]) for loss in view.losses)
    guilty = []
    for module in view.modules:
        if not (module["norm"] or module["dropout"]) or not module["train_steps"]:
            continue
        phases, steps = int(module["phases_train"]), _steps(module)
        now_and_then = phases <= HALF * steps or (evaluated and phases <= steps and not module["phases_eval"])
        if phases >= 1 and phases >= int(module["phases_eval"]) and now_and_then:
            guilty.append(module)
    lost = [
        kind
        for kind, entry in view.facts.get("lost_modules", {}).items()
        if "Dropout" in kind and entry["count"] >= FEW and entry["train_no_grad"]
    ]
    if lost:
        return [
            Finding(
                "dropout_in_evaluation",
                "warning",
                f"A new {lost[0]} is made in every forward pass: it knows nothing of model.eval() and drops units in evaluation too.",
                {"kind": lost[0]},
                f"Make the {lost[0]} once, in __init__, and call it in forward().",
            )
        ]
    if not guilty:
        return []
    module = guilty[0]
    root = str(module["name"]).split(".", maxsplit=1)[0]
    harm = (
        "normalizes by each evaluated batch and learns its statistics from it"
        if module["norm"]
        else "drops units of the evaluation"
    )
    return [
        Finding(
            "validation_in_train_mode",
            "warning",
            f"The model is evaluated under no_grad in train mode, {module['phases_train']} times: {module['name']} {harm}.",
            {"phases_in_train_mode": module["phases_train"], "modules": [m["name"] for m in guilty[:10]]},
            f"Call `{root}.eval()` before the evaluation and `{root}.train()` after it.",
        )
    ]


def tiny_batches(view: View) -> list[Finding]:
    """BatchNorm on a row or two."""
    for module in view.modules:
        if module["norm"] and module["normed"] >= FEW and module["tiny"] >= HALF * module["normed"]:
            return [
                Finding(
                    "batchnorm_on_tiny_batches",
                    "warning",
                    f"{module['name']} takes its statistics from {module['smallest']} "
                    f"{'row' if module['smallest'] == 1 else 'rows'} in {percent(module['tiny'] / module['normed'])} of the training batches.",
                    {"smallest_batch": module["smallest"], "share": module["tiny"] / module["normed"]},
                    "Take larger batches, or GroupNorm or LayerNorm, which need none.",
                )
            ]
    return []


def functional(view: View) -> list[Finding]:
    """Functional dropout that ignores the mode."""
    for record in view.records("dropouts"):
        fired, controlled = int(record["in_eval_no_grad"]), int(record["off_grad"]) + int(record["off_no_grad"])
        sampled = (
            record["repeats"] >= HALF * max(1, fired) and fired >= FEW
        )  # the same input time and again: Monte Carlo dropout
        if record["p"] > 0 and fired and not controlled and not sampled and record["on_grad"]:
            return [
                Finding(
                    "dropout_in_evaluation",
                    "warning",
                    f"Functional dropout fires {fired} times while its model is in eval mode.",
                    {"in_evaluation": fired, "p": record["p"]},
                    "Hand it the mode: `F.dropout(x, p, training=self.training)`.",
                    file=str(record["line"]),
                )
            ]
    return []
