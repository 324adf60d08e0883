"""The thresholds that rules share, each with its reason."""

WARN_RATIO, ERROR_RATIO = 1 / 30, 1 / 1000  # gradient of the first layer or time step over that of the last
WARN_SHARE, ERROR_SHARE = 0.6, 0.9  # of a layer's units
MOST_RUNS = 0.5  # share of runs that make a fault of the setting, not of a seed
FEWEST_ROWS = 32  # below, whether a unit is dead says little: half the units of a ReLU layer are, at one row
NEAR_GUESS = 0.98  # of the loss of guessing: what is above has learned nothing to speak of, or a few rows by heart
CHANCE = 0.95  # of the loss of guessing: an untrained network comes as near by chance, as does a mean over a tenth of a course
STEPS = 60  # updates before anything is expected to be learned
LEARNED = 0.2  # of the loss of guessing: below, what happened on the way, or to some units, has cost little
