"""The gradient of the lesson's network by autograd: what the gradient by hand is compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from core.engine.by_hand import SimpleNeuralNet


def autograd(network: SimpleNeuralNet, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """∂L/∂W1, ∂L/∂b1, ∂L/∂W2, ∂L/∂b2 by PyTorch, each of its parameter's shape, in float64.

    X  (m, D)
    y  (m, 1)
    """
    names = ("W1", "b1", "W2", "b2")
    W1, b1, W2, b2 = (torch.tensor(getattr(network, name), requires_grad=True) for name in names)
    phi = _module(network)
    logits = phi(torch.tensor(X) @ W1 + b1) @ W2 + b2
    loss = functional.binary_cross_entropy_with_logits(logits, torch.tensor(y))
    gradients = torch.autograd.grad(loss, (W1, b1, W2, b2))
    return {name: gradient.numpy() for name, gradient in zip(names, gradients, strict=True)}


def _module(network: SimpleNeuralNet) -> torch.nn.Module:
    """PyTorch's own module for the hidden units' φ, as the registry writes it in a script."""
    part = network.activation
    source = part.entry.code(**part.arguments)  # nn.Name(argument=number)
    module_class = getattr(torch.nn, source.removeprefix("nn.").partition("(")[0])
    return module_class(**part.arguments)
