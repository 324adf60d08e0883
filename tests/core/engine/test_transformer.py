"""The transformer against PyTorch's own encoder; and a run's bits, whatever its neighbours and its padding."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from core.engine.data import data_of
from core.engine.transformer import Blocks, Transformer
from core.experiments import experiment
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS

CLIPPING = experiment("clipping")
SMALL = {"model": "transformer", "dataset": "adding(length=5, samples=28)", "width": "10", "batch_size": "7"}
SMALL |= {"epochs": "2", "optimizer": "adam"}
PHI = {"relu": functional.relu, "sigmoid": torch.sigmoid, "gelu": functional.gelu, "tanh": torch.tanh}


class Encoder(nn.Module):
    """torch.nn.TransformerEncoderLayer, ``depth`` times, with the numbers of one run of a stack."""

    def __init__(self, stack, run, shape, length):
        super().__init__()
        width, heads = shape.width, shape.heads
        own = {name: view[run].clone() for name, view in stack.layout.views(stack.parameters).items()}
        phi = PHI[shape.activation.entry.name]
        options = {"dropout": 0.0, "activation": phi, "batch_first": True, "norm_first": True, "dtype": torch.float64}
        layer = [nn.TransformerEncoderLayer(width, heads, 4 * width, **options) for _ in range(shape.depth)]
        self.layers, self.norm = nn.ModuleList(layer), nn.LayerNorm(width, dtype=torch.float64)
        self.input, self.readout = (nn.Linear(*fans, dtype=torch.float64) for fans in ((2, width), (width, 1)))
        place = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)[None]
        table = np.zeros((length, width), np.float32)
        table[:, 0::2], table[:, 1::2] = np.sin(place), np.cos(place)
        self.place = torch.from_numpy(table).double()
        self.mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=torch.float64)
        for name in ("input", "readout"):
            linear = getattr(self, name)
            linear.weight.data = own[name][: linear.out_features, : linear.in_features]
            linear.bias.data = own[f"{name} bias"][: linear.out_features, 0]
        norms = {"norm": self.norm}
        for block, layer in enumerate(self.layers, start=1):
            norms |= {f"attention norm {block}": layer.norm1, f"mlp norm {block}": layer.norm2}
            joint = [heads_apart(own[f"{name} {block}"], heads, width)[:, :width] for name in ("query", "key", "value")]
            layer.self_attn.in_proj_weight.data = torch.cat(joint)
            biases = [heads_apart(own[f"{name} {block} bias"], heads, width)[:, 0] for name in ("query", "value")]
            layer.self_attn.in_proj_bias.data = torch.cat([biases[0], torch.zeros_like(biases[0]), biases[1]])
            projection = own[f"projection {block}"].T.contiguous()
            layer.self_attn.out_proj.weight.data = heads_apart(projection, heads, width)[:, :width].T.contiguous()
            layer.self_attn.out_proj.bias.data = own[f"projection {block} bias"][:width, 0]
            for linear, name in ((layer.linear1, f"up {block}"), (layer.linear2, f"down {block}")):
                linear.weight.data = own[name][: linear.out_features, : linear.in_features]
                linear.bias.data = own[f"{name} bias"][: linear.out_features, 0]
        for name, norm in norms.items():
            norm.weight.data, norm.bias.data = own[f"{name} gain"][:width, 0], own[f"{name} shift"][:width, 0]

    def forward(self, sequences):
        x = self.input(sequences) + self.place
        for layer in self.layers:
            x = layer(x, src_mask=self.mask)
        return self.readout(self.norm(x[:, -1])).squeeze(1)


def heads_apart(rows, heads, width):
    """Rows of every head, without the padding between heads."""
    return rows.unflatten(0, (heads, -1))[:, : width // heads].flatten(0, 1)


@pytest.mark.parametrize(
    ("activation", "depth", "width", "length", "rows"),
    [("relu", 1, 10, 5, 7), ("sigmoid", 2, 8, 10, 7), ("gelu", 3, 34, 17, 3), ("tanh", 2, 32, 16, 1)],
)
def test_loss_and_gradient_are_those_of_pytorchs_own_encoder(activation, depth, width, length, rows):
    shape = Blocks(depth, width, 2, ACTIVATIONS.parse(activation))
    inits = ("torch_default", "he_normal", "orthogonal(gain=2)")
    stack = Transformer(shape, 2, tuple((init, 3) for init in inits), torch.float64, "cpu")
    stack.parameters[stack.parameters != 0] += 0.01  # gains and biases too are somewhere
    data = data_of(DATASETS.parse(f"adding(length={length}, samples={4 * rows})"), [3] * 3, rows, torch.float64, "cpu")
    batch = next(iter(data.epoch(0)))
    losses = stack.learn(batch)
    validation, accuracy, balanced = stack.evaluate(data.validation)
    assert torch.isnan(accuracy).all() and torch.isnan(balanced).all()
    for run in range(len(inits)):
        plain = Encoder(stack, run, shape, length)
        inputs = batch.inputs[:, run, :2, :rows].permute(2, 0, 1)
        loss = functional.mse_loss(plain(inputs), batch.targets[run])
        loss.backward()
        torch.testing.assert_close(losses[run], loss.detach(), rtol=1e-12, atol=0)
        found = {name: view[run] for name, view in stack.layout.views(stack.gradient).items()}
        for block, layer in enumerate(plain.layers, start=1):
            for name, own in zip(
                ("query", "key", "value"), layer.self_attn.in_proj_weight.grad.split(width), strict=True
            ):
                ours = heads_apart(found[f"{name} {block}"], 2, width)[:, :width]
                torch.testing.assert_close(ours, own, rtol=1e-9, atol=1e-15)
            torch.testing.assert_close(
                found[f"up {block}"][: 4 * width, :width], layer.linear1.weight.grad, rtol=1e-9, atol=1e-15
            )
            gain = found[f"attention norm {block} gain"][:width, 0]
            torch.testing.assert_close(gain, layer.norm1.weight.grad, rtol=1e-9, atol=1e-15)
        torch.testing.assert_close(found["input"][:width, :2], plain.input.weight.grad, rtol=1e-9, atol=1e-15)
        # the norm of everything: nothing is left out, and padding has no gradient; but for the key's bias, 0 there
        norm = torch.cat([parameter.grad.flatten() for parameter in plain.parameters()]).norm()
        torch.testing.assert_close(stack.gradient[run].norm(), norm, rtol=1e-12, atol=0)
        inputs = data.validation.inputs[:, run, :2, : data.validation.rows].permute(2, 0, 1)
        loss = functional.mse_loss(plain(inputs), data.validation.targets[run]).detach()
        torch.testing.assert_close(validation[run], loss, rtol=1e-12, atol=0)


def test_adaptive_clipping_finds_the_readout_as_the_last_layer():
    stack = Transformer(Blocks(2, 10, 2, ACTIVATIONS.parse("relu")), 2, (("torch_default", 0),), torch.float32, "cpu")
    assert [block.name for block in stack.layout.blocks if block.output] == ["readout", "readout bias"]
    assert stack.layout.blocks[-1].output


def runs_of(**given):
    return list(CLIPPING.sweep(SMALL | given).runs())


def assert_same_bits(one, other):
    for name in one:
        assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"), name


SHAPES = {
    "width 10": {"activation": "gelu"},
    "width 8, length 10, two blocks": {"width": "8", "dataset": "adding(length=10, samples=28)", "depth": "2"},
    "batch of one": {"batch_size": "1", "activation": "sigmoid"},
    "length 17": {"width": "34", "dataset": "adding(length=17, samples=28)", "activation": "softplus"},
    "float64": {"dtype": "float64", "activation": "tanh"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_is_the_same_in_stacks_of_1_3_8_and_33(shape):
    runs = runs_of(**SHAPES[shape], seeds="33")
    together = CLIPPING.compute(runs, "cpu")
    for count in (1, 3, 8):
        for one, other in zip(CLIPPING.compute(runs[5 : 5 + count], "cpu"), together[5 : 5 + count], strict=True):
            assert_same_bits(one, other)


def test_a_run_that_diverges_changes_no_neighbour_by_a_bit():
    (healthy,) = runs_of()
    lost = runs_of(optimizer="sgd", base_lr="1000000.0", clipper="none", seeds="2")
    (alone,) = CLIPPING.compute([healthy], "cpu")
    first, beside, second = CLIPPING.compute([lost[0], healthy, lost[1]], "cpu")
    assert first["diverged"].any()
    assert second["diverged"].any()
    assert not beside["diverged"].any()
    assert_same_bits(alone, beside)
