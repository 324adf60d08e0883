"""Small sweeps of the two-layer network, sick and sound, for the conformance suite."""

SMALL = {"hidden": "2,3", "epochs": "12", "seeds": "2"}
ONE_RUN = {"hidden": "3", "epochs": "20", "base_lr": "0.5", "seed": "3"}
SICK = [
    ({"init": "zeros", "epochs": "50", "seeds": "3"}, "symmetric_units"),
    ({"base_lr": "0.01", "epochs": "200", "seeds": "5"}, "learning_rate_too_low"),
]
SOUND = [{"hidden": "8", "base_lr": "3", "seeds": "5"}]
