r"""Which remedy makes the deep network learn?

Twenty layers of sigmoid do not learn: each layer multiplies the gradient on its way to the input by a factor below one,

$$\frac{\partial L}{\partial h_{l-1}} = W_l^\top\left(\varphi'(z_l)\odot\frac{\partial L}{\partial h_l}\right)$$

and what is left for the first layers moves nothing. The lesson names three remedies, and there are more. Each works on one
factor of this product:

- **ReLU** (the lesson's ModernNet): $\varphi'$ is 0 or 1, not at most 1/4.
- **He's initialization** (arXiv:1502.01852): weights of variance 2/fan-in make up for the half that ReLU silences.
- **Residual connections** (the lesson's ResidualBlock, arXiv:1512.03385): $h + f(h)$ adds 1 to the factor.
- **BatchNorm** (the lesson's BatchNormNet, arXiv:1502.03167) and **LayerNorm** (arXiv:1607.06450) rescale every layer's
  signal, so that its size, and with it the gradient's, can't drift away.
- **Clipping** shortens gradients. It makes none larger: against vanishing it does nothing.

**Where the lesson is too simple.** BatchNorm in a deep plain network turns vanishing into explosion: before training,
gradients grow towards the input by $\sqrt{\pi/(\pi-1)} \approx 1.21$ a layer (Yang 2019, arXiv:1902.08129), which training
must first undo. A residual network without a norm adds a variance as large as its input's in every layer, so that it grows as
$2^L$; with a norm in each branch it grows about as $L$. And ReLU alone, with PyTorch's default weights, still loses a factor
of $1/\sqrt 6$ a layer.

**What to try next.** Sweep `depth=5:61:5` for one remedy and see where it stops helping. Take `remedy=he` alone: the right
variance for ReLU is not the right one for sigmoid. Give `optimizer=sgd` and see how much of the rescue is Adam's, which
divides by the gradient's size.
"""

from core.experiments import Experiment
from core.experiments.remedies.settings import MEASURES, PRESETS, Remedies

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=7,
    title="Remedies",
    icon=":material/healing:",
    settings=Remedies,
    index=("step", "layer"),
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("remedy", "depth", "width", "dataset", "optimizer", "base_lr", "epochs"),
    healthy="no run diverges, and no network is stuck for want of gradients",
    outcome="final_val_loss",
    goal="lowest",
    base="core.experiments.training",
    next="schedulers",
    shows={"vanishing_gradients": {"remedy": "plain,relu_he,residual_blocks,batch_norm", "seeds": "5"}},
)
