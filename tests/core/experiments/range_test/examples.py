"""Small range tests, sick and sound, for the conformance suite."""

SMALL = {"dataset": "wine", "width": "8", "steps": "40", "batch_size": "20", "optimizer": "adam,sgd", "seeds": "2"}
ONE_RUN = {"dataset": "wine", "width": "12", "steps": "60", "batch_size": "20", "dtype": "float64", "seed": "3"}
SICK = [({"max_lr": "0.00001", "steps": "40", "seeds": "3"}, "no_usable_rate")]
SOUND = [{"seeds": "3"}]
