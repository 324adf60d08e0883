"""One thread, as in the lab's own workers: results and run times then do not depend on what else runs."""

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("lab", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("lab")
