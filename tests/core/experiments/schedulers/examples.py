"""Small sweeps of scheduled trainings, sick and sound, for the conformance suite."""

SMALL = {"dataset": "wine", "width": "8", "scheduler": "constant,one_cycle", "epochs": "2", "seeds": "2"}
ONE_RUN = {"dataset": "wine", "width": "12", "scheduler": "one_cycle", "epochs": "3", "dtype": "float64", "seed": "3"}
SICK = [
    ({"scheduler": 'one_cycle(per="epoch")', "epochs": "5", "seeds": "3"}, "schedule_unfinished"),
    ({"base_lr": "0.000001", "epochs": "5", "scheduler": "constant", "seeds": "3"}, "learning_rate_too_low"),
]
SOUND = [{"scheduler": "one_cycle", "epochs": "15", "seeds": "3"}]
