r"""How does a two-layer network learn XOR?

**A gradient is an answer to a question:** if I turn this one weight up a little, by how much does the error change? A
positive answer says "turn it down", a negative one "turn it up", zero says "it does not matter". *Backpropagation* gets
the answers for all weights at once, by going through the network once forward and once back.

The lesson's `SimpleNeuralNet` has two inputs, one hidden layer and one output. Forward, each line uses the one before:

$$z_1 = X W_1 + b_1, \qquad a_1 = \varphi(z_1), \qquad z_2 = a_1 W_2 + b_2, \qquad a_2 = \sigma(z_2),$$

and the binary cross-entropy says how wrong the prediction $a_2$ is, on average over $m$ examples with answers $y$:

$$L = -\frac{1}{m} \sum \big( y \log a_2 + (1 - y) \log (1 - a_2) \big) .$$

**Back, the chain rule** multiplies what each line does to the next. For the output the product simplifies to
*prediction minus answer*; the weights then hand the blame to the hidden units, as much as each contributed:

$$\delta_2 = a_2 - y, \quad \frac{\partial L}{\partial W_2} = \frac{a_1^\top \delta_2}{m}, \qquad
\delta_1 = \delta_2 W_2^\top \odot \varphi'(z_1), \quad \frac{\partial L}{\partial W_1} = \frac{X^\top \delta_1}{m} .$$

A step of gradient descent then moves every weight against its gradient, $W \leftarrow W - \eta\, \partial L / \partial W$, and all
begins anew. One pass over all examples is an *epoch*; here it is one step.

**Why XOR.** No straight line separates (0, 1) and (1, 0) from (0, 0) and (1, 1), so that a network without hidden units
must fail. Two hidden units can do it, but gradient descent often does not find how: some first weights lead to a plateau,
a loss that no longer falls though two of four answers are wrong. More hidden units make a lucky start more likely. One
run therefore proves nothing, neither that a network works nor that it does not: look at a hundred seeds.

**Why not start with zeros?** If all weights are zero, all hidden units compute the same, get the same gradient and stay the
same for ever: they are one unit. On XOR even that one gets a gradient of exactly zero. Random first weights break the
symmetry.

**Where the lesson is off.** It calls its initialization Xavier's; normal numbers times $\sqrt{2/\text{fan-in}}$ are He's
(arXiv:1502.01852). Its `compute_loss` compares every prediction with every answer, because answers of shape $(m,)$ beside
predictions of shape $(m, 1)$ make a table of shape $(m, m)$: the number it prints *rises* as the network learns. The
gradients do not use that number, so that training is right all the same.

**What to try next.** Two hidden units and many seeds; `init=zeros`; `dataset=and`, which one straight line solves;
ReLU, whose units can die; a learning rate of 0.1 and of 30.

Source: Rumelhart, Hinton & Williams 1986, *Learning representations by back-propagating errors*, which has XOR too. The
network stands in `core/engine/by_hand.py`, in NumPy, to be read from top to bottom.
"""

from core.experiments import Experiment
from core.experiments.backprop.settings import MEASURES, PRESETS, Backprop

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=3,
    title="Backprop by hand",
    icon=":material/hub:",
    settings=Backprop,
    index=("epoch",),
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("dataset", "hidden", "activation", "init", "base_lr", "epochs"),
    healthy="no run diverges, and none ends a truth table with a wrong answer",
    outcome="final_train_loss",
    goal="lowest",
    next="vanishing",
    shows={"symmetric_units": {"init": "zeros,lesson", "seeds": "10"}},
)
