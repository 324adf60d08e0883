"""The loss of a script."""

from __future__ import annotations

from core.scripts.text import cast

TRAINED = ("cross_entropy", "mse")  # those with a readout and labels


def drawn(loss: str, dtype: str) -> list[str]:
    """The lines that draw what the loss needs."""
    if loss == "projection":
        return [f'readout = torch.randn(WIDTH, generator=generator("projection")){cast(dtype)}']
    return []


def line(loss: str, dtype: str, classifies: bool = True) -> str:
    """The line that takes ``loss`` of ``output``, and of ``labels`` where it needs them; those are classes or numbers."""
    if loss == "mse" and not classifies:
        return "loss = functional.mse_loss(output.squeeze(1), labels)"
    if loss == "cross_entropy" and dtype == "float32":
        return "loss = functional.cross_entropy(output.double(), labels)  # float32 would round a small loss away"
    return {
        "sum": "loss = output.sum()",
        "projection": "loss = (output @ readout).sum()",
        "cross_entropy": "loss = functional.cross_entropy(output, labels)",
        "mse": "loss = functional.mse_loss(output, functional.one_hot(labels, CLASSES).to(output.dtype))",
    }[loss]


def imports(loss: str) -> str:
    """What that line needs, where it needs more than torch."""
    return "from torch.nn import functional" if loss in TRAINED else ""
