"""Small sweeps of deep networks and their remedies, sick and sound, for the conformance suite."""

SMALL = {"remedy": "plain,relu_he", "depth": "3", "width": "8", "dataset": "wine", "epochs": "2", "seeds": "2"}
ONE_RUN = {"remedy": "together", "depth": "4", "width": "8", "dataset": "wine", "epochs": "2", "dtype": "float64", "seed": "3"}  # fmt: skip
SICK = [({"remedy": "plain", "epochs": "2", "seeds": "2"}, "vanishing_gradients")]
SOUND = [{"remedy": "relu_he_layer_norm", "depth": "6", "epochs": "4", "seeds": "3"}]
