"""Small sweeps of networks at initialization and in training, sick and sound, for the conformance suite."""

SMALL = {"depth": "3,5", "seeds": "2"}
ONE_RUN = {
    "depth": "3", "width": "12", "activation": "tanh", "dataset": "wine", "batch_size": "16", "loss": "cross_entropy",
    "steps": "5", "dtype": "float64", "seed": "3",
}  # fmt: skip
SICK = [
    ({"depth": "20", "seeds": "5"}, "vanishing_gradients"),
    ({"depth": "30", "width": "64", "activation": "relu", "norm": "batch", "batch_size": "32", "loss": "projection", "seeds": "5"},
     "exploding_gradients"),
]  # fmt: skip
SOUND = [{"depth": "10", "width": "64", "init": "orthogonal", "loss": "projection", "batch_size": "32", "seeds": "5"}]
