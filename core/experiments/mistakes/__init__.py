r"""What does a wrong line cost?

A training loop is a dozen lines, and most of its mistakes raise no error. With gradient $g_t$, rate $\eta_t$ and optimizer $u$,

$$\theta_{t+1} = \theta_t - \eta_t\,u(g_t), \qquad g_t = \nabla_\theta\, \frac1B \sum_{i=1}^{B} \ell\big(f_\theta(x_i),\, y_i\big)$$

each wrong line changes one symbol, and leaves a program that runs:

- **the gradient**: never zeroed, $u(\sum_{s \le t} g_s)$; micro-batches or rows summed where a mean was meant, $B\,g_t$, which
  is a rate $B$ times as high; a loss made a new leaf, $g_t = 0$; clipped too early or too late, so that $g_t$ stays as it was;
- **the loss** $\ell$: softmax or sigmoid taken twice; $(B, 1)$ beside $(B,)$, which compares every prediction with every
  target, and whose best answer is the targets' mean;
- **the rate** $\eta_t$: a schedule sized in batches and stepped per epoch, or the other way round; a plateau fed with noise,
  or in the wrong mode; a scheduler stepped before the optimizer;
- **the parameters** $\theta$: a part that the optimizer was never given; BatchNorm in the wrong mode;
- **the rows** $x_i$: sorted by class, or not standardized.

**What a price is.** The same first weights, rows and order of rows are trained twice, with the wrong line and with the right
one, and differ by that line alone. The price is the difference in validation accuracy after the last epoch (of a number as target, in validation
loss), seed by seed, with Student's t interval over the seeds; where several prices stand side by side, the intervals hold
together (Bonferroni). A run that was lost counts as guessing. Validation is by the right loss throughout. A seed on which the
wrong loop ends no worse *hides* the mistake: whoever tries one seed alone may not see it.

**A price holds for its setting.** Each mistake is shown with what it needs: a BatchNorm, two classes, a number as target, a
schedule, a clipper on twelve layers. A rate that is too low makes a summed loss look like a gain. Sweep `base_lr` before you
believe a price, or its absence.

**Source.** Each was made in public: one-cycle stepped per epoch in pytorch#65417, a cosine sized in epochs and stepped per batch in
villa#1495, a plateau fed with a batch's measure in pytorch-template#89, clipping after the step in graphstorm#1366.

**What to try next.** `base_lr=0.001,0.01,0.1` for one mistake; `optimizer=adam`, which divides a factor on
the loss away; `epochs=50`; your own table as `dataset`; and your own script through `python -m core watch`.
"""

from core.experiments import Experiment
from core.experiments.mistakes.settings import PRESETS, RIGHT, Mistakes
from core.experiments.training.settings import INDEX, MEASURES
from core.parts.mistakes import MISTAKES

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=4,
    title="Mistakes",
    icon=":material/bug_report:",
    settings=Mistakes,
    index=INDEX,
    measures=(*MEASURES, "momentum"),
    presets=PRESETS,
    main_settings=("mistake", "dataset", "optimizer", "base_lr", "epochs"),
    healthy="the loop has no wrong line",
    outcome="accuracy_cost",
    base="core.experiments.training",
    shows={  # where two mistakes have one finding, the first
        entry.finding: {"mistake": f"{RIGHT},{entry.name}", "seeds": "10"}
        for entry in reversed(list(MISTAKES))
        if entry.finding
    },
)
