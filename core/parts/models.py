"""Models: the kinds of network that the lab trains."""

from __future__ import annotations

from dataclasses import dataclass

from core.registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class Model(Entry):
    """A kind of network.

    sequence  it reads a sequence, step by step, and answers at its end
    module    the PyTorch module that computes the same, where there is one
    gates     blocks of a recurrent layer's weight matrices
    heads     attention heads, which must divide the width
    unused    settings that it has no use for
    """

    sequence: bool = False
    module: str = ""
    gates: int = 0
    heads: int = 0
    unused: frozenset[str] = frozenset()


_RECURRENT = frozenset({"depth", "activation", "norm", "residual"})

MODELS: Registry[Model] = Registry(
    "model",
    Model(
        name="mlp",
        label="multilayer perceptron",
        source="the lesson's ModernNet, BatchNormNet and check_gradients network are presets of it",
    ),
    Model(
        name="rnn",
        label="recurrent network, tanh",
        source="torch.nn.RNN; Elman 1990",
        sequence=True,
        module="RNN",
        gates=1,
        unused=_RECURRENT,
    ),
    Model(
        name="lstm",
        label="LSTM",
        source="torch.nn.LSTM; Hochreiter & Schmidhuber 1997",
        sequence=True,
        module="LSTM",
        gates=4,
        unused=_RECURRENT,
    ),
    Model(
        name="gru",
        label="GRU",
        source="torch.nn.GRU; Cho 2014, arXiv:1406.1078",
        sequence=True,
        module="GRU",
        gates=3,
        unused=_RECURRENT,
    ),
    Model(
        name="transformer",
        label="transformer: pre-norm, causal, 2 heads",
        source="blocks of attention and an MLP of 4 · width; Vaswani 2017, arXiv:1706.03762; Xiong 2020, arXiv:2002.04745",
        sequence=True,
        heads=2,
        unused=frozenset({"norm", "residual"}),
    ),
)
