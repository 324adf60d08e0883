r"""How do gradients change from time step to time step in a recurrent network?

A recurrent network applies the same weights at every time step, $h_t = \tanh(W_{hh} h_{t-1} + W_{ih} x_t + b)$. The
gradient of a loss at the end, $T$, reaches an early state through a product of Jacobians:

$$\frac{\partial L}{\partial h_t} = J_{t+1}^\top J_{t+2}^\top \cdots J_T^\top \frac{\partial L}{\partial h_T}, \qquad
J_k = \frac{\partial h_k}{\partial h_{k-1}} = \operatorname{diag}\!\left(1 - h_k^2\right) W_{hh} .$$

A deep network multiplies by a different matrix in each layer; here it is one matrix, over and over, so that its
**eigenvalues** decide. Their largest size is the *spectral radius*: well below 1, the gradient fades geometrically;
above 1, it may explode.

**The bound.** tanh' is at most 1, so no step back in time stretches a gradient by more than $\sigma_{\max}$, the largest
singular value of $W_{hh}$ (Pascanu 2013, arXiv:1211.5063, section 2):

$$\left\lVert \frac{\partial L}{\partial h_t} \right\rVert \;\le\; \sigma_{\max}^{\,T-t}\,
\left\lVert \frac{\partial L}{\partial h_T} \right\rVert .$$

The dashed grey line is this bound. Where $\sigma_{\max} < 1$ the gradient must fade; an explosion needs
$\sigma_{\max} > 1$, which does not suffice: large weights also push units onto the flat part of tanh, and each such
unit shrinks the gradient again. With orthogonal weights all singular values are the **recurrent gain**, and what the
gradient loses below the bound is tanh' alone.

**Clipping cures the one and not the other.** Clipping multiplies the whole gradient by one factor of at most 1. An
exploding gradient becomes a step of bounded length, in the same direction. A faded one stays: the share of the early
time steps in the sum over time is as small as before, and no factor brings it back. That takes other weights, fewer
steps, or another cell.

**The additive path.** An LSTM (Hochreiter & Schmidhuber 1997; the forget gate is Gers 2000's) keeps a memory beside its
output, $c_t = f_t \odot c_{t-1} + i_t \odot g_t$, and along it the gradient is multiplied by the forget gate alone, no
matrix and no tanh':

$$\left.\frac{\partial c_t}{\partial c_{t-1}}\right|_{\text{gates fixed}} = \operatorname{diag}(f_t) .$$

It keeps what the gates let through. As drawn, with biases near zero, $f_t \approx 1/2$, and this path halves the
gradient at each step; the paths through the gates add to it. The LSTM *can learn* to remember, it does not start that
way: hence the advice to start the forget gate's bias at 1 (Jozefowicz, Zaremba & Sutskever 2015). The GRU (Cho 2014,
arXiv:1406.1078) mixes in the same way, $h_t = (1 - u_t) \odot n_t + u_t \odot h_{t-1}$.

**What is measured.** The network as drawn, on the first batch: the Euclidean norm over the whole batch of the gradient of
the mean loss with respect to the state after step $t$. An LSTM's state is $h$ and $c$ together, each held fixed for the
other. The default number format is float64, since gradients fade far below what float32 can hold.

**What to try next.** A recurrent gain of 0.8, 1 and 1.2; `model=rnn,lstm,gru`; sequences twice as long; `init=torch_default`
beside `orthogonal`; then the page Clipping, to train where gradients explode.
"""

from core.experiments import Experiment
from core.experiments.through_time.settings import MEASURES, PRESETS, ThroughTime

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=4,
    title="Through time",
    icon=":material/timeline:",
    settings=ThroughTime,
    index=("time",),
    measures=MEASURES,
    presets=PRESETS,
    main_settings=("model", "gain", "init", "width", "dataset"),
    healthy="gradients neither vanish nor explode on their way back through time",
    outcome="decay_factor",
    goal="nearest 1",
    accepts_csv=False,  # it reads sequences
    next="clipping",
    shows={
        "vanishing_gradients": {
            "model": "rnn,lstm,gru",
            "init": "torch_default,orthogonal",
            "dataset": "adding(length=40)",
            "seeds": "10",
        },
    },
)
