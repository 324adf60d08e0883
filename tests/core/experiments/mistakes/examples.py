"""Small sweeps of trainings with a wrong line, sick and sound, for the conformance suite."""

SMALL = {
    "mistake": "none,no_zero_grad,eval_mode_in_training,accumulation_not_divided,scheduler_first",
    "dataset": "wine",
    "width": "8",
    "epochs": "2",
    "batch_size": "20",
    "seeds": "2",
}
ONE_RUN = {"mistake": "eval_mode_in_training", "dataset": "wine", "width": "12", "epochs": "3", "dtype": "float64", "seed": "3"}  # fmt: skip
SICK = [
    ({"mistake": "none,no_zero_grad", "epochs": "4", "seeds": "3"}, "gradients_not_zeroed"),
    ({"mistake": "none,shapes_broadcast", "epochs": "4", "seeds": "3"}, "shapes_broadcast"),
]
SOUND = [
    {"mistake": "none", "seeds": "3"},
    {"mistake": "none", "norm": "batch", "scheduler": "one_cycle", "micro_batches": "4", "seeds": "3"},
]
