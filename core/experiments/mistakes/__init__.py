r"""What does a wrong line cost?

A training loop is a dozen lines, and most of its mistakes raise no error: the loss falls, less far than it could.
"""

from core.experiments import Experiment
from core.experiments.mistakes.settings import PRESETS, Mistakes
from core.experiments.training.settings import INDEX, MEASURES

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=1,
    title="Mistakes",
    icon=":material/bug_report:",
    settings=Mistakes,
    index=INDEX,
    measures=(*MEASURES, "momentum"),
    presets=PRESETS,
    main_settings=("mistake", "dataset", "optimizer", "base_lr", "epochs"),
    healthy="the loop has no wrong line",
    base="core.experiments.training",
)
