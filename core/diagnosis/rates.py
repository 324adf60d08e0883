"""Learning rates that are too high or too low: numbers in, findings out."""

from __future__ import annotations

from typing import Any

from core.diagnosis.finding import Finding


def diverged(
    prefix: str, diverged_runs: int, runs: int, first: int, place: str, base_lr: float, remedy: tuple[str, str]
) -> list[Finding]:
    """The finding on runs whose numbers left the number format; none where none did.

    prefix         what the message is about, as ``relu: ``
    first, place   where the first of them was lost: 3, ``step``
    remedy         what to change, and the link that shows it
    """
    if not diverged_runs:
        return []
    evidence = {"runs": runs, "diverged": diverged_runs, f"first_{place}": first, "base_lr": base_lr}
    message = f"{prefix}{diverged_runs} of {runs} runs diverge, the first at {place} {first}."
    return [Finding("diverged", "error", message, evidence, *remedy)]


def loss_rose(prefix: str, failed: float, evidence: dict[str, Any], remedy: tuple[str, str]) -> Finding:
    """The finding on a loss that ends above its start in the share ``failed`` of the runs."""
    message = f"{prefix}the loss rises above its start and stays there in {failed:.0%} of the runs."
    return Finding("learning_rate_too_high", "error", message, evidence, *remedy)


def lower_lr(base_lr: float) -> tuple[str, str]:
    """The words of a tenfold lower rate, and both rates as a sweep writes them."""
    return f"Lower base_lr, say to {base_lr / 10:g}.", f"{base_lr / 10:g},{base_lr:g}"
