"""Small sweeps of recurrent networks, sick and sound, for the conformance suite."""

SMALL = {"gain": "0.8,1.2", "width": "8", "dataset": "adding(length=6, samples=40)", "seeds": "2"}
ONE_RUN = {"model": "gru", "width": "8", "dataset": "adding(length=8, samples=40)", "seed": "3"}
SICK = [
    ({"gain": "0.5", "seeds": "5"}, "vanishing_gradients"),
    (
        {"gain": "2", "init": "normal(std=1.0)", "width": "16", "dataset": "adding(length=10)", "seeds": "5"},
        "exploding_gradients",
    ),
]
SOUND = [{"gain": "1", "dataset": "adding(length=10)", "seeds": "5"}]
