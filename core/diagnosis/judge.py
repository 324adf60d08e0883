"""From a trace to findings: causes before symptoms, at most three that lead, the rest folded into them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import course, logged, logged_rates, modes, order, outputs, signals, wiring
from .finding import Finding, worst_first
from .trace import UNDER_WAY, Trace
from .view import View

MOST = 3  # findings that lead
CAUSES = (  # what stands first explains what stands later; all of them explain the symptoms
    "gradients_not_zeroed",
    "nothing_trained",
    "gradient_ascent",
    "degenerate_labels",
    "shapes_broadcast",
    "softmax_before_cross_entropy",
    "output_does_not_fit_loss",
    "parameters_not_in_optimizer",
    "parameters_without_gradient",
    "graph_grows",
    "clipped_before_unscale",
    "clip_has_no_effect",
    "accumulated_gradients_discarded",
    "accumulated_loss_not_divided",
    "clipped_while_accumulating",
    "batchnorm_in_eval_mode",
    "dropout_off_in_training",
    "validation_in_train_mode",
    "dropout_in_evaluation",
    "batchnorm_on_tiny_batches",
    "schedule_unfinished",
    "schedule_repeats",
    "plateau_on_training_batches",
    "scheduler_before_optimizer",
    "batches_not_shuffled",
    "gradients_always_clipped",
    "bad_initialization",
    "no_nonlinearity",
    "inputs_not_normalized",
    "loss_summed_over_batch",
    "too_much_regularization",
    "vanishing_gradients",
    "learning_rate_too_high",
    "diverged",
    "exploding_gradients",
    "symmetric_units",
    "dead_units",
    "saturated_units",
)
EXPLAINING = CAUSES[: CAUSES.index("clipped_before_unscale")]  # these leave the course without meaning
SYMPTOMS = (
    "diverged",
    "learning_rate_too_high",
    "learning_rate_too_low",
    "stuck_at_chance",
    "no_progress",
    "stuck_on_a_plateau",
    "vanishing_gradients",
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "overfitting",
    "zero_gradient",
    "still_improving",
    "too_much_regularization",
    "batches_not_shuffled",
    "inputs_not_normalized",
    "loss_summed_over_batch",
    "gradients_always_clipped",
)
# what a loss does where no gradient arrives: no other rate mends it
STANDSTILL = ("learning_rate_too_low", "stuck_at_chance", "no_progress", "stuck_on_a_plateau")


def judge(trace: Trace) -> list[Finding]:
    """The findings of a trace, the likeliest cause first; at most three are errors or warnings."""
    view = View(trace)
    findings: list[Finding] = nothing(view)
    for rules in (wiring, outputs, modes, order, signals, course) if view.recorded else (logged, logged_rates):
        findings += rules.judge(view)
    return arranged(findings)


def arranged(findings: list[Finding]) -> list[Finding]:
    """One finding per code, causes first; what a cause explains stands as a code in its evidence."""
    rank = {code: number for number, code in enumerate(dict.fromkeys((*CAUSES, *SYMPTOMS)))}
    once: dict[str, Finding] = {}
    for finding in worst_first(findings):
        once.setdefault(finding.code, finding)
    leading = sorted((f for f in once.values() if f.severity != "info"), key=lambda f: rank.get(f.code, len(rank)))
    still = once.get("nothing_trained")
    if still and "output_does_not_fit_loss" in once and still.evidence.get("steps_without_gradient") == 0:
        # gradients came and were zero: the output's last function gave none, which explains that nothing changed
        leading.sort(key=lambda f: f.code != "output_does_not_fit_loss")
        leading = [f for f in leading if f.code != "nothing_trained"]
    infos = [f for f in once.values() if f.severity == "info"]
    cause = next((f for f in leading if f.code in EXPLAINING), None)
    folded: list[str] = []
    if cause is not None:
        folded = [f.code for f in leading if f.code in SYMPTOMS and not of_its_own(f)]
        leading = [f for f in leading if f.code not in folded]
        infos = [f for f in infos if f.code not in SYMPTOMS]
    if any(of_its_own(f) for f in leading):
        folded += [f.code for f in leading if f.code in STANDSTILL]
        leading = [f for f in leading if f.code not in STANDSTILL]
    folded += [f.code for f in leading[MOST:]]
    leading = leading[:MOST]
    if leading and folded:
        first = leading[0]
        leading[0] = replace(first, evidence={**first.evidence, "symptoms": folded})
    return leading + infos


def of_its_own(finding: Finding) -> bool:
    """Whether it would stand were the cause before it mended: gradients that are lost from layer to layer."""
    return finding.code == "vanishing_gradients" and finding.severity == "error"


def cut_short(view: View) -> list[Finding]:
    """A script that ended with an error, or was killed."""
    ended = str(view.facts.get("ended", ""))
    if ended in ("exit code 1", "cut off"):
        why = "with exit code 1" if ended == "exit code 1" else "before the recording was closed"
        return [
            Finding("interrupted", "info", f"The script ended {why}; it was recorded up to there.", {"ended": ended})
        ]
    return []


def nothing(view: View) -> list[Finding]:
    """A recording in which nothing trains, or a log that holds no loss."""
    if view.recorded:
        steps, calls = int(view.facts.get("steps", 0)), int(view.facts.get("backward_calls", 0))
        if steps or calls or view.facts.get("grad_calls"):
            return cut_short(view)
        message = "No optimizer step and no backward pass was seen: this script does not train."
        if view.facts.get("ended") == UNDER_WAY:
            message = "No optimizer step and no backward pass was seen yet."
        elif cut_short(view):
            message = "The script ended before any optimizer step or backward pass: there is no training to judge."
        return [Finding("nothing_to_judge", "info", message, {"steps": 0, "backward_passes": 0})]
    if not np.isnan(view.per_step("train_loss")).all() or np.isfinite(view.per_step("val_loss")).any():
        return []
    return [Finding("nothing_to_judge", "info", "The log holds no loss, so there is nothing to judge.")]
