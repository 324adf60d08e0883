"""The lesson's SimpleNeuralNet: backpropagation by hand, in plain NumPy. Read it from top to bottom.

A network with one hidden layer tells two classes apart. Everything that PyTorch does in ``loss.backward()`` stands
here in eight lines, each beside the equation that it computes. ``python -m core.engine.by_hand`` trains it on XOR.

    m  examples        X   (m, D)   the inputs, one example a row
    D  inputs          y   (m, 1)   the answers, 0 or 1
    H  hidden units    W1  (D, H)   b1  (1, H)   W2  (H, 1)   b2  (1, 1)

``M.mT`` is the transpose of M. It also works where a leading axis counts many networks, (R, m, D), (R, D, H) and so on:
the same lines then train R networks side by side, which is how the lab runs hundreds of seeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.parts.activations import ACTIVATIONS

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), between 0 and 1; written so that e⁻ᶻ never overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


class Forward(NamedTuple):
    """Every intermediate of the way forward. The way back needs them all: that is what training costs in memory."""

    z1: Array  # (m, H)
    a1: Array  # (m, H)
    z2: Array  # (m, 1), the logits
    a2: Array  # (m, 1), the predictions


class Backward(NamedTuple):
    """Every intermediate of the way back; the gradients have the shapes of what they belong to.

    delta2, a1 and delta1 are taken example by example; dW and db are means over the examples.
    """

    delta2: Array  # (m, 1)
    dW2: Array  # (H, 1)
    db2: Array  # (1, 1)
    da1: Array  # (m, H)
    delta1: Array  # (m, H)
    dW1: Array  # (D, H)
    db1: Array  # (1, H)


class SimpleNeuralNet:
    """D inputs, H hidden units, one output between 0 and 1.

    activation  the hidden units' φ, by its name in the lab's registry; the output's is the sigmoid
    """

    def __init__(self, W1: Array, b1: Array, W2: Array, b2: Array, activation: str = "sigmoid") -> None:
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2
        self.activation = ACTIVATIONS.parse(activation)

    def phi(self, z: Array) -> Array:
        """φ(z) of the hidden units."""
        if self.activation.entry.name == "sigmoid":
            return sigmoid(z)
        return self.activation.entry.phi(z, **self.activation.arguments)

    def phi_slope(self, z: Array) -> Array:
        """φ'(z), the slope of the hidden units."""
        if self.activation.entry.name == "sigmoid":
            return sigmoid(z) * sigmoid(-z)  # σ' = σ (1 − σ)
        return self.activation.entry.slope(z, **self.activation.arguments)

    def forward(self, X: Array) -> Forward:
        """From the inputs to the predictions."""
        z1 = X @ self.W1 + self.b1  # z₁ = X W₁ + b₁
        a1 = self.phi(z1)  # a₁ = φ(z₁)
        z2 = a1 @ self.W2 + self.b2  # z₂ = a₁ W₂ + b₂
        a2 = sigmoid(z2)  # a₂ = σ(z₂)
        return Forward(z1, a1, z2, a2)

    def backward(self, X: Array, y: Array, cache: Forward) -> Backward:
        """From the loss back to every parameter: the chain rule, one link at a time."""
        m = X.shape[-2]
        delta2 = cache.a2 - y  # δ₂ = ∂ℓ/∂z₂ = a₂ − y: σ' cancels against the loss's own derivative
        dW2 = cache.a1.mT @ delta2 / m  # ∂L/∂W₂ = a₁ᵀ δ₂ / m
        db2 = delta2.sum(axis=-2, keepdims=True) / m  # ∂L/∂b₂ = Σ δ₂ / m
        da1 = delta2 @ self.W2.mT  # ∂ℓ/∂a₁ = δ₂ W₂ᵀ: blame goes back along the weights
        delta1 = da1 * self.phi_slope(cache.z1)  # δ₁ = ∂ℓ/∂z₁ = ∂ℓ/∂a₁ ⊙ φ'(z₁): a flat φ lets nothing through
        dW1 = X.mT @ delta1 / m  # ∂L/∂W₁ = Xᵀ δ₁ / m
        db1 = delta1.sum(axis=-2, keepdims=True) / m  # ∂L/∂b₁ = Σ δ₁ / m
        return Backward(delta2, dW2, db2, da1, delta1, dW1, db1)

    def update(self, gradients: Backward, lr: float | Array) -> None:
        """Gradient descent: every parameter takes a small step downhill."""
        self.W1 = self.W1 - lr * gradients.dW1  # W ← W − η ∂L/∂W
        self.b1 = self.b1 - lr * gradients.db1
        self.W2 = self.W2 - lr * gradients.dW2
        self.b2 = self.b2 - lr * gradients.db2

    def train(self, X: Array, y: Array, epochs: int = 1000, lr: float = 1.0, print_every: int = 100) -> list[float]:
        """The loss before each update and after the last; prints every ``print_every``-th, and nothing for 0."""
        losses = []
        for epoch in range(epochs + 1):
            cache = self.forward(X)
            losses.append(float(compute_loss(cache.z2, y)))
            if print_every and epoch % print_every == 0:
                print(f"epoch {epoch:5}  loss {losses[-1]:.6f}")
            if epoch < epochs:
                self.update(self.backward(X, y, cache), lr)
        return losses


def compute_loss(z2: Array, y: Array) -> Array:
    """Binary cross-entropy L = −mean(y log a₂ + (1 − y) log(1 − a₂)), from the logits z₂.

    With a₂ = σ(z₂) that is mean(max(z₂, 0) − y z₂ + log(1 + e^−|z₂|)), which stays finite where a₂ has become 0 or 1.
    """
    return (np.maximum(z2, 0) - y * z2 + np.log1p(np.exp(-np.abs(z2)))).mean(axis=(-2, -1))


def naive_loss(a2: Array, y: Array) -> float:
    """The same, as the formula is written: infinite, or not a number, once a prediction is exactly 0 or 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2)))


def lesson_loss(a2: Array, y: Array) -> float:
    """What the lesson's own ``compute_loss`` reports: its y has the shape (m,), beside predictions of (m, 1).

    NumPy stretches the two to (m, m), and so compares every prediction with every answer. The better the network gets,
    the larger this number grows. The gradients never use it, so that training is right all the same.
    """
    flat = y.reshape(-1)  # (m,)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = flat * np.log(a2) + (1 - flat) * np.log(1 - a2)  # (m,) and (m, 1) make (m, m)
    return float(-np.mean(pairs))


def lesson_network(inputs: int, hidden: int, seed: int = 0) -> SimpleNeuralNet:
    """The lesson's first weights: normal · √(2/fan_in), which it calls Xavier's (it is He's); biases zero."""
    rng = np.random.default_rng(seed)
    W1 = rng.normal(size=(inputs, hidden)) * np.sqrt(2 / inputs)
    W2 = rng.normal(size=(hidden, 1)) * np.sqrt(2 / hidden)
    return SimpleNeuralNet(W1, np.zeros((1, hidden)), W2, np.zeros((1, 1)))


def main() -> None:
    """The lesson: XOR, four hidden units, learning rate 1, 1,000 epochs."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    network = lesson_network(inputs=2, hidden=4, seed=2)
    network.train(X, y)
    for x, answer, prediction in zip(X, y, network.forward(X).a2, strict=True):
        print(f"{x[0]:.0f} xor {x[1]:.0f} = {answer[0]:.0f}, predicted {prediction[0]:.3f}")


if __name__ == "__main__":
    main()
