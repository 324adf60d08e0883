"""Small sweeps of clipped trainings, sick and sound, for the conformance suite."""

SMALL = {"model": "mlp", "dataset": "wine", "width": "8", "clipper": "none,norm", "epochs": "2", "seeds": "2"}
ONE_RUN = {
    "model": "mlp", "dataset": "wine", "width": "12", "clipper": "norm(max_norm=0.5)", "epochs": "3", "dtype": "float64", "seed": "3",
}  # fmt: skip
SICK = [
    ({"clipper": "none", "init": "orthogonal(gain=1.2)", "base_lr": "0.1", "epochs": "3", "seeds": "3"}, "diverged"),
    ({"model": "mlp", "dataset": "digits", "clipper": "norm(max_norm=0.01)", "optimizer": "sgd", "base_lr": "0.003",
      "epochs": "4", "seeds": "3"}, "gradients_always_clipped"),
]  # fmt: skip
SOUND = [
    {"model": "mlp", "dataset": "digits", "clipper": "norm(max_norm=2)", "optimizer": "adam", "base_lr": "0.003",
     "epochs": "10", "seeds": "3"},
]  # fmt: skip
