"""The same run in plain PyTorch, one network at a time: modules, autograd, torch.optim.

Written from the design and not from the engine, of which it imports nothing. Every function takes the settings as a
dict, complete as ``Vanishing.point`` leaves them, and a seed.
"""

import copy
import hashlib
import math
import re

import numpy as np
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

MODULES = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "mish": nn.Mish,
    "identity": nn.Identity,
}
NORMS = {"none": lambda size: nn.Identity(), "batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}
OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}
TRAINED = ("cross_entropy", "mse")


def name_and_arguments(text):
    """``sgd(momentum=0.9, nesterov=True)`` as its name and a dict of Python values."""
    name, inside = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()
    pairs = (pair.split("=") for pair in (inside or "").split(", ") if pair)
    words = {"True": True, "False": False}
    return name, {key: words.get(value) if value in words else float(value) for key, value in pairs}


def generator(seed, stream, layer=0):
    digest = hashlib.sha256(f"{seed} {stream} {layer}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def module(activation):
    """The torch.nn module of an activation with its arguments."""
    name, arguments = name_and_arguments(activation)
    return MODULES[name](**arguments)


def initial_weight(init, seed, layer, fan_out, fan_in):
    name, arguments = name_and_arguments(init)
    weight, own = torch.empty(fan_out, fan_in), generator(seed, "weight", layer)
    if name == "torch_default":
        return weight.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=own)
    if name == "mean_field":
        return weight.normal_(0, arguments.get("sigma_w", 1.0) / math.sqrt(fan_in), generator=own)
    if name == "orthogonal":
        # nn.init.orthogonal_ draws wide matrices lying, we draw them standing
        standing = nn.init.orthogonal_(torch.empty(max(fan_out, fan_in), min(fan_out, fan_in)), generator=own)
        return (standing if fan_out >= fan_in else standing.T) * arguments.get("gain", 1.0)
    return {
        "lesson": lambda w: w.normal_(0, math.sqrt(2 / fan_in), generator=own),
        "xavier_uniform": lambda w: nn.init.xavier_uniform_(w, generator=own),
        "xavier_normal": lambda w: nn.init.xavier_normal_(w, generator=own),
        "he_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu", generator=own),
        "he_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=own),
        "lecun_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear", generator=own),
        "zeros": nn.init.zeros_,
        "normal": lambda w: nn.init.normal_(w, 0, arguments.get("std", 0.01), generator=own),
    }[name](weight)


def initial_bias(init, seed, layer, fan_out, fan_in):
    name, arguments = name_and_arguments(init)
    own = generator(seed, "bias", layer)
    if name == "torch_default":
        return torch.empty(fan_out).uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=own)
    if name == "mean_field":
        return torch.empty(fan_out).normal_(0, arguments.get("sigma_b", 0.0), generator=own)
    return torch.zeros(fan_out)


def sizes(settings):
    """(features, classes) of the dataset."""
    name, arguments = name_and_arguments(settings["dataset"])
    table = {"digits": (64, 10), "wine": (13, 3), "breast_cancer": (30, 2), "xor": (2, 2), "diabetes": (10, 0)}
    return table.get(name, (int(arguments.get("features", settings["width"])), 10))


def batches(settings, seed):
    """The batch of every step, steps + 1 of them: inputs (rows, features) and labels."""
    rows, count = settings["batch_size"], settings["steps"] + 1
    features, classes = sizes(settings)
    name, _ = name_and_arguments(settings["dataset"])
    if name == "gaussian":
        inputs = torch.empty(rows, features).normal_(generator=generator(seed, "inputs"))
        labels = torch.randint(0, classes, (rows,), generator=generator(seed, "labels"))
        return [(inputs, labels)] * count
    if name == "xor":
        inputs, labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    else:
        inputs, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
        by_class = labels if classes else None
        inputs, _, labels, _ = train_test_split(inputs, labels, test_size=0.2, random_state=0, stratify=by_class)
        inputs = StandardScaler().fit_transform(inputs)
        if not classes:
            labels = StandardScaler().fit_transform(labels[:, None])[:, 0].astype(np.float32)
    inputs, labels = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)
    picked, epoch = [], 0
    while len(picked) < count:
        order = torch.randperm(len(inputs), generator=generator(seed, "order", epoch))
        whole = len(inputs) // rows * rows
        picked += [(inputs[piece], labels[piece]) for piece in order[:whole].split(rows)]
        epoch += 1
    return picked[:count]


class PlainNetwork(nn.Module):
    """The network of one run. ``heard`` holds, after a forward pass, φ's inputs and each layer's output."""

    def __init__(self, settings, seed):
        super().__init__()
        features, classes = sizes(settings)
        depth, width = settings["depth"], settings["width"]
        self.form, form_arguments = name_and_arguments(settings["residual"])
        self.scale = form_arguments.get("scale", 1.0)
        self.phi = module(settings["activation"])
        outputs = [width] * depth + ([classes or 1] if settings["loss"] in TRAINED else [])
        self.linears = nn.ModuleList(nn.Linear(width if index else features, out) for index, out in enumerate(outputs))
        norm = "batch" if self.form == "lesson_block" else settings["norm"]
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in range(depth))
        with torch.no_grad():
            for layer, linear in enumerate(self.linears, start=1):
                fans = linear.out_features, linear.in_features
                linear.weight.copy_(initial_weight(settings["init"], seed, layer, *fans))
                linear.bias.copy_(initial_bias(settings["init"], seed, layer, *fans))
        self.heard = []

    def forward(self, h):
        self.heard = []
        block_input = h
        for index, norm in enumerate(self.norms):
            z = norm(self.linears[index](h))
            if self.form == "lesson_block" and index % 2:
                z = block_input + z
            u = self.phi(z)
            skip = self.form == "identity" and (index > 0 or h.shape[1] == u.shape[1])
            h = h + self.scale * u if skip else u
            if self.form == "lesson_block" and index % 2:
                block_input = h
            self.heard.append((z, h))
        if len(self.linears) > len(self.norms):
            h = self.linears[-1](h)
            self.heard.append((None, h))
        return h


def loss_of(settings, seed, out, labels):
    if settings["loss"] == "sum":
        return out.sum()
    if settings["loss"] == "projection":
        readout = torch.empty(out.shape[1]).normal_(generator=generator(seed, "projection"))
        return (out * readout.to(out)).sum()
    if settings["loss"] == "cross_entropy":
        return functional.cross_entropy(out, labels)
    if labels.is_floating_point():
        return functional.mse_loss(out.squeeze(1), labels.to(out))
    return functional.mse_loss(out, functional.one_hot(labels, out.shape[1]).to(out))


def slope(phi, z):
    """φ'(z) by autograd."""
    z = z.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(phi(z).sum(), z)
    return found


def rms(values):
    return values.detach().double().pow(2).mean().sqrt().item()


def optimizer_of(settings, network):
    name, arguments = name_and_arguments(settings["optimizer"])
    if name in ("adam", "adamw"):
        arguments["betas"] = arguments.pop("beta1", 0.9), arguments.pop("beta2", 0.999)
    return OPTIMIZERS[name](network.parameters(), settings["base_lr"], **arguments)


def plain_run(settings, seed):
    """name -> (steps + 1, layers) of every measure that plain PyTorch gives; NaN where it does not apply."""
    dtype = getattr(torch, settings["dtype"])
    network = PlainNetwork(settings, seed).to(dtype)
    optimizer = optimizer_of(settings, network) if settings["steps"] else None
    flat = 0.05 * slope(network.phi, torch.linspace(-8, 8, 160_001, dtype=torch.float64)).abs().max().item()
    rows = []
    for step, (inputs, labels) in enumerate(batches(settings, seed)):
        network.zero_grad()
        loss = loss_of(settings, seed, network(inputs.to(dtype)), labels)
        loss.backward()
        row = []
        for linear, (z, h) in zip(network.linears, network.heard, strict=True):
            gradient = linear.weight.grad.double()
            found = slope(network.phi, z).abs() if z is not None else None
            row.append(
                {
                    "train_loss": loss.item(),
                    "grad_mean_abs": gradient.abs().mean().item(),
                    "grad_rms": rms(gradient),
                    "grad_norm": gradient.norm().item(),
                    "weight_rms": rms(linear.weight),
                    "activation_rms": rms(h),
                    "saturated": math.nan if found is None else (found < flat).double().mean().item(),
                    "dead": math.nan if found is None else (found == 0).all(0).double().mean().item(),
                    "underflow": float(not linear.weight.grad.any()),
                    "update_ratio": math.nan,
                }
            )
        if step < settings["steps"]:
            before = [copy.deepcopy(linear.weight.detach()).double() for linear in network.linears]
            optimizer.step()
            for cells, old, linear in zip(row, before, network.linears, strict=True):
                cells["update_ratio"] = ((linear.weight.detach().double() - old).norm() / old.norm()).item()
        rows.append(row)
    return {name: np.array([[cells[name] for cells in row] for row in rows]) for name in rows[0][0]}
