r"""Which learning rate should I use?

A **range test** (Smith 2015, arXiv:1506.01186) trains once while the rate grows from step to step,

$$\eta_i = \eta_{\min}\left(\frac{\eta_{\max}}{\eta_{\min}}\right)^{i/(n-1)}$$

and reads the rate from the loss: flat where the rate is too low, falling where it works, rising where it is too high. The
loss of one batch is noisy, so that a moving average is read, $s_i = \beta s_{i-1} + (1-\beta) L_i$, divided by
$1-\beta^{i+1}$ to make up for its short past. The test ends where it passes `stop_factor` times its least.

**The rules disagree.** *valley* (fastai's default) stands inside the longest falling stretch; *steepest* where the loss
falls fastest over $\log\eta$ (torch-lr-finder); *steepest, linear* where it falls fastest over $\eta$ itself (Lightning since
2.5.3): small rates stand close together on a linear axis, so that it suggests rates that are lower by orders of magnitude;
*a tenth of the minimum's* steps back from the edge. All read the same smoothed curve. We recommend **valley, its median
over seeds**: it needs a long stretch of falling loss, not one lucky step, and moves least from seed to seed. Then train
with it, far below and above it, as the page does, and believe that: the suggestion is cautious, and more may be better.

**The stability limit.** Gradient descent with full batches on a loss of largest curvature $\lambda$ is stable below
$\eta = 2/\lambda$ (with heavy-ball momentum $\beta$ below $2(1+\beta)/\lambda$): a step along that direction multiplies the
distance to the minimum by $1-\eta\lambda$. It is exact for a parabola and full batches; a network's curvature changes as it
trains, and with batches noise comes on top. Adam rescales each parameter, so that the limit says nothing of it.

**What to try next.** Raise `batch_size` with SGD and see the curve turn at the stability limit. Set `smoothing=0` and watch
the rules jump from seed to seed. Then take the recommended rate to Schedulers.
"""

from core.experiments import Experiment
from core.experiments.range_test.settings import MEASURES, PRESETS, RangeTest

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=5,
    title="Learning rate",
    icon=":material/straighten:",
    settings=RangeTest,
    index=("step",),
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("model", "dataset", "depth", "optimizer", "min_lr", "max_lr", "steps"),
    healthy="in most runs the loss falls, and turns before the highest rate",
    outcome="suggested_lr_valley",
    base="core.experiments.training",
    next="schedulers",
    shows={
        name: {"seeds": "20"}
        for name in ("learning_rate_too_high", "learning_rate_too_low", "no_progress", "diverged", "no_usable_rate")
    },
)
