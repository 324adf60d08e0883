r"""Which learning-rate schedule wins?

The learning rate $\eta_t$ scales every update, $W \leftarrow W - \eta_t\,\hat g_t$. A **schedule** changes it while the
network trains: large steps early, to get somewhere, small ones late, to settle. The lesson shows three:

- **ReduceLROnPlateau** multiplies the rate by `factor` once the validation loss has not improved for `patience` epochs.
  It needs that loss: fed batch losses, it mistakes noise for a plateau.
- **Cosine annealing** (Loshchilov & Hutter 2017, arXiv:1608.03983) follows half a cosine, with $T$ the number of epochs:

$$\eta_t = \eta_{\min} + \tfrac12\,(\eta_0 - \eta_{\min})\left(1 + \cos\frac{\pi t}{T}\right)$$

- **One-cycle** (Smith & Topin 2018, arXiv:1708.07120) rises to `max_lr` and falls far below the start, *once per batch*,
  and cycles momentum (Adam's beta1) the other way.

**Per epoch or per batch.** A schedule is sized in one of the two. One-cycle knows `total_steps` = epochs × batches;
stepped once an epoch it covers a sliver of its course and the rate hardly moves. Write `one_cycle(per="epoch")` beside
`one_cycle` to see what this common mistake costs. The lesson steps every scheduler with the validation loss; only
ReduceLROnPlateau takes one.

**A fair race** gives each schedule its own best learning rate: at a single base rate, the schedule for which that rate
happens to suit wins. One-cycle's `max_lr` is ten times the base rate here, as in the lesson. Differences between
schedules are small beside the spread over seeds, so they are compared seed by seed, with intervals.

**What to try next.** `constant` beside any schedule, at five base rates; `one_cycle(per="epoch")`; half the epochs, where a
schedule that ends in time gains most; `optimizer=sgd(momentum=0.9)`, which needs schedules more than Adam does.
"""

from core.experiments import Experiment
from core.experiments.schedulers.settings import PRESETS, Schedulers
from core.experiments.training.settings import INDEX, MEASURES

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=8,
    title="Schedulers",
    icon=":material/speed:",
    settings=Schedulers,
    index=INDEX,
    measures=(*MEASURES, "momentum"),
    presets=PRESETS,
    main_settings=("scheduler", "model", "dataset", "optimizer", "base_lr", "epochs"),
    healthy="no run diverges, and no schedule is stepped out of its measure",
    outcome="final_val_loss",
    goal="lowest",
    base="core.experiments.training",
    next="mistakes",
    shows={"schedule_without_effect": PRESETS[0].settings, "unequal_peaks": PRESETS[0].settings},
)
