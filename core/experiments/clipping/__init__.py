r"""Which clipper keeps training alive?

An exploding gradient throws the parameters far away in a single update. **Clipping** shortens it first. By norm
(Pascanu 2013, arXiv:1211.5063; `clip_grad_norm_` with `max_norm` = $c$):

$$\hat g = g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right)$$

which keeps the direction: the cosine between $g$ and $\hat g$ is 1. **By value** cuts every entry to $\pm c$ and turns
the gradient; **per parameter** shortens each tensor on its own; **adaptive** clipping (AGC, Brock 2021,
arXiv:2102.06171) compares each unit's gradient with its weights; **AutoClip** (Seetharaman 2020, arXiv:2007.14469)
takes a percentile of the run's own norms so far.

**When nearly every step is clipped**, the threshold is the real learning rate: SGD then moves $c / \lVert g \rVert$ of
what it would, a step of fixed length $\eta c$. That is why a small constant threshold stalls SGD. Adam divides by the
gradient's own size, so a constant factor on all gradients cancels, and clipping hardly slows it.

**Which threshold?** One that fires on the rare large gradients alone: a high percentile of the norms of a training
that goes well. The page suggests the 90th of the norms before clipping; look at how often it would have fired.

Clipping cures explosion, not vanishing: a factor of at most 1 makes no gradient larger.

**What to try next.** `clipper=none,norm` at three learning rates; a threshold ten times too small, with SGD and with Adam;
`model=lstm` beside `rnn`; and the page Through time, for what clipping can't bring back.
"""

from core.experiments import Experiment
from core.experiments.clipping.settings import PRESETS, Clipping
from core.experiments.training.settings import INDEX, MEASURES

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=8,
    title="Clipping",
    icon=":material/content_cut:",
    settings=Clipping,
    index=INDEX,
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("clipper", "model", "dataset", "init", "optimizer", "base_lr", "epochs"),
    healthy="no run diverges, and no threshold clips always or never",
    outcome="final_val_loss",
    goal="lowest",
    base="core.experiments.training",
    next="schedulers",
    shows={
        "exploding_gradients": PRESETS[0].settings,
        "gradients_always_clipped": PRESETS[1].settings,
    },
)
