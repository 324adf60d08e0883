r"""How do gradients change from layer to layer?

A network learns by the chain rule. For the hidden layers $h_l = \varphi(z_l)$, $z_l = W_l h_{l-1} + b_l$, the signal
$\delta_l = \partial L / \partial z_l$ travels from the last layer to the first:

$$\delta_l = \left(W_{l+1}^\top \delta_{l+1}\right) \odot \varphi'(z_l), \qquad
\frac{\partial L}{\partial W_l} = \delta_l\, h_{l-1}^\top .$$

Every layer on the way multiplies the gradient twice: by its **weights** and by **φ'**. Where the product of the two is
below 1, the gradient shrinks geometrically towards the input and *vanishes*; above 1 it *explodes*. For wide networks
at initialization both factors are known (Poole 2016, arXiv:1606.05340; Schoenholz 2017, arXiv:1611.01232):

$$\mathbb{E}\,\delta_l^2 = \chi\; \mathbb{E}\,\delta_{l+1}^2, \qquad
\chi_1 = \sigma_w^2\, \mathbb{E}\!\left[\varphi'(\sqrt{q^*} z)^2\right], \qquad \xi = 1 / |\ln \chi_1| ,$$

with $\sigma_w^2$ the weight variance times the fan-in, $q^*$ the variance at which pre-activations settle, and $\xi$
the number of layers over which $\mathbb{E}\,\delta^2$ falls by $e$. The dashed grey line is this prediction.

**What the lesson's examples show.** Its bound $0.25^{20}$ is the worst case of sigmoid's φ' alone. Its own example,
20 layers of tanh, shrinks for another reason: φ' is close to 1 there, but `nn.Linear` draws its weights with variance
$1/(3 \cdot \text{fan-in})$, which costs a factor $1/\sqrt{3} \approx 0.58$ a layer. And the initialization that the
lesson calls Xavier, $\sqrt{2/\text{fan-in}}$, is He's (arXiv:1502.01852): Xavier's is $\sqrt{2/(\text{fan-in} +
\text{fan-out})}$. Both help; He's is the one for ReLU.

**With BatchNorm before ReLU** gradients grow towards the input, by $\sqrt{\pi/(\pi-1)} \approx 1.21$ a layer (Yang 2019,
arXiv:1902.08129). A network that ends in a norm has a zero gradient under the loss `sum`: normalized outputs have a
fixed sum.

**Underflow.** Below about $10^{-45}$ float32 holds only zeros. The lab carries the exponent along, so that it can show
the true size; rows marked `underflow` are those for which PyTorch alone would have given zeros.

**What to try next.** ReLU with `init=torch_default,he_normal`; `residual=identity` around every layer; `norm=batch` on a batch
of 32; `steps=50` on digits, to see whether training mends what the first weights spoil.
"""

from core.experiments import Experiment
from core.experiments.vanishing.settings import MEASURES, PRESETS, Vanishing

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=7,
    title="Vanishing gradients",
    icon=":material/trending_down:",
    settings=Vanishing,
    index=("step", "layer"),
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("depth", "width", "activation", "init", "norm", "residual"),
    healthy="gradients keep their size, units give derivatives",
    outcome="decay_factor",
    goal="nearest 1",
    next="remedies",
    shows={
        "bad_initialization": {"depth": "20", "activation": "relu", "init": "normal(std=1.0),he_normal", "seeds": "20"},
        "no_nonlinearity": {"depth": "10", "activation": "identity,tanh", "seeds": "20"},
        "saturated_units": {
            "depth": "10",
            "activation": "sigmoid,tanh",
            "init": "xavier_normal",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "20",
        },
        "dead_units": {
            "depth": "10",
            "activation": "relu,leaky_relu",
            "init": "he_normal",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "20",
        },
    },
)
