"""Every column of every frame, written down once: name, dtype, unit, label, meaning.

Axis titles, tooltips, forms, ``show`` and the README's table all read from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["string", "int64", "float64", "bool"]


@dataclass(frozen=True)
class Column:
    """One column; ``unit`` is empty for names and for ratios that need none."""

    name: str
    dtype: Dtype
    unit: str
    label: str
    meaning: str

    @property
    def title(self) -> str:
        """What stands at an axis: the label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_ALL = (
    Column("run", "string", "", "run", "SHA-256 of experiment, version, settings and seed: 64 hex digits"),
    Column("seed", "int64", "", "seed", "seed of the run's generators; everything random in the run follows from it"),
    # settings
    Column("depth", "int64", "hidden layers", "depth", "number of hidden Linear layers"),
    Column("width", "int64", "units", "width", "units of each hidden layer"),
    Column("activation", "string", "", "activation", "the function φ applied to every unit"),
    Column("init", "string", "", "initialization", "how weights and biases are drawn before training"),
    Column("norm", "string", "", "normalization", "normalization between a Linear layer and its activation"),
    Column("residual", "string", "", "residual form", "how a layer's input is added to its output"),
    Column("dataset", "string", "", "dataset", "where inputs and labels come from"),
    Column("batch_size", "int64", "rows", "batch size", "rows of the batch on which loss and gradients are taken"),
    Column(
        "loss", "string", "", "loss", "what is differentiated: an output sum, a random projection or a training loss"
    ),
    Column("steps", "int64", "updates", "training steps", "optimizer updates; 0 looks at the network as initialized"),
    Column("optimizer", "string", "", "optimizer", "the rule that turns gradients into updates"),
    Column("base_lr", "float64", "", "learning rate", "the optimizer's learning rate"),
    Column("model", "string", "", "model", "the kind of network that is trained"),
    Column("clipper", "string", "", "clipper", "what is done to the gradient before the optimizer sees it"),
    Column("remedy", "string", "", "remedy", "a named set of activation, init, norm, residual form and clipper"),
    Column(
        "mistake", "string", "", "mistake", "the wrong line of the training loop; none is what others are compared with"
    ),
    Column(
        "micro_batches", "int64", "", "micro-batches", "parts of a batch whose gradients are added up before its update"
    ),
    Column("scheduler", "string", "", "schedule", "how the learning rate changes while the network trains"),
    Column("min_lr", "float64", "", "lowest learning rate", "learning rate of a range test's first update"),
    Column("max_lr", "float64", "", "highest learning rate", "learning rate of a range test's last update"),
    Column("smoothing", "float64", "", "smoothing", "beta of the moving average of the loss; 0 leaves it as it is"),
    Column(
        "stop_factor",
        "float64",
        "",
        "stop factor",
        "a range test ends where its smoothed loss is so many times its least",
    ),
    Column("epochs", "int64", "epochs", "epochs", "passes through the training rows"),
    Column("hidden", "int64", "", "hidden units", "units of the hidden layer"),
    Column("gain", "float64", "", "recurrent gain", "factor on the recurrent weights after they are drawn"),
    Column("dtype", "string", "", "number format", "floating-point format in which the network computes"),
    # place
    Column("step", "int64", "updates", "training step", "updates made before this row was measured"),
    Column("layer", "int64", "", "layer", "Linear layer, counted from the input, from 1"),
    Column("epoch", "int64", "epochs", "epoch", "passes through the training rows before this one, from 0"),
    Column("time", "int64", "time steps", "time step", "step of the sequence, from 1 to its length"),
    # measured
    Column("train_loss", "float64", "", "training loss", "loss on this step's batch, before its update"),
    Column("grad_mean_abs", "float64", "", "mean |∂L/∂W|", "mean absolute weight gradient of the layer"),
    Column("grad_rms", "float64", "", "RMS of ∂L/∂W", "root mean square of the layer's weight gradient"),
    Column(
        "grad_norm",
        "float64",
        "",
        "norm of the gradient",
        "Euclidean norm of the layer's weight gradient; in trainings, of the whole gradient before clipping; "
        "through time, of ∂L/∂state over the whole batch, for an LSTM of h and c together",
    ),
    Column(
        "delta_rms",
        "float64",
        "",
        "RMS of ∂L/∂z",
        "root mean square of the backward signal δ = ∂loss/∂z of z = W h + b, over the layer's units and the batch's rows",
    ),
    Column("weight_rms", "float64", "", "RMS weight", "root mean square of the layer's weights"),
    Column("activation_rms", "float64", "", "RMS activation", "root mean square of the layer's output h"),
    Column(
        "saturated",
        "float64",
        "share of unit outputs",
        "saturated",
        "share of unit outputs with |φ'| below 5 % of its largest possible value",
    ),
    Column("dead", "float64", "share of units", "dead", "share of units whose φ' is exactly 0 on the whole batch"),
    Column("update_ratio", "float64", "", "update-to-weight ratio", "‖ΔW‖ / ‖W‖ of the update that follows this row"),
    Column(
        "underflow",
        "bool",
        "",
        "underflow",
        "true where a plain backward pass in this number format gives nothing but zeros for the layer's weights",
    ),
    Column(
        "theory_grad_rms",
        "float64",
        "",
        "RMS of ∂L/∂W in theory",
        "mean-field prediction of grad_rms for wide networks at initialization",
    ),
    Column("lr", "float64", "", "learning rate of the update", "learning rate that this update used"),
    Column("momentum", "float64", "", "momentum", "momentum (Adam's beta1) that this update used"),
    Column("val_loss", "float64", "", "validation loss", "loss on the validation rows, at the end of each epoch"),
    Column(
        "val_accuracy",
        "float64",
        "share of rows",
        "validation accuracy",
        "share of validation rows put in the right class, at the end of each epoch",
    ),
    Column(
        "val_balanced_accuracy",
        "float64",
        "mean share over classes",
        "balanced validation accuracy",
        "mean over classes of the share of their validation rows put in the right class, at the end of each epoch",
    ),
    Column("clipped_grad_norm", "float64", "", "norm after clipping", "Euclidean norm of the whole gradient, clipped"),
    Column(
        "clip_cosine",
        "float64",
        "",
        "cosine of clipping",
        "cosine between the gradient before and after clipping; 1 where only its length changed",
    ),
    Column("clipped", "bool", "", "clipped", "true where the gradient was above the clipper's threshold"),
    Column(
        "clip_factor", "float64", "", "what clipping leaves", "norm after clipping over norm before, of the same update"
    ),
    Column("update_norm", "float64", "", "norm of the update", "Euclidean norm of the change of all parameters"),
    Column(
        "diverged",
        "bool",
        "",
        "diverged",
        "true from the update on after which the loss or the parameters are not finite",
    ),
    Column(
        "smoothed_loss",
        "float64",
        "",
        "smoothed loss",
        "moving average of the training loss, corrected for its short past",
    ),
    Column(
        "max_stable_lr",
        "float64",
        "",
        "largest stable learning rate",
        "2/λ of the largest curvature λ of the loss over all training rows, at the initial weights; with momentum β "
        "2(1+β)/λ, with Nesterov's 2(1+β)/(λ(1+2β)); empty for other optimizers than SGD",
    ),
    Column("state_rms", "float64", "", "RMS state", "root mean square of the state h after this time step"),
    Column("spectral_radius", "float64", "", "spectral radius", "largest |eigenvalue| of the recurrent weights"),
    Column(
        "grad_norm_bound",
        "float64",
        "",
        "bound on the norm of the gradient",
        "norm at the last time step, times the largest singular value of the recurrent weights for each step back",
    ),
    Column("accuracy", "float64", "share of rows", "accuracy", "share of rows put in the right class"),
    *(
        Column(
            f"grad_norm_{name}",
            "float64",
            "",
            f"norm of ∂L/∂{label}",
            f"Euclidean norm of the loss's gradient in {label}",
        )
        for name, label in (("w1", "W₁"), ("b1", "b₁"), ("w2", "W₂"), ("b2", "b₂"))
    ),
    *(
        Column(
            f"prediction_{bits}",
            "float64",
            "",
            f"prediction for {bits[0]}, {bits[1]}",
            f"the network's output, 0 to 1, for the inputs {bits[0]} and {bits[1]}; of xor, and, or alone",
        )
        for bits in ("00", "01", "10", "11")
    ),
    # summaries
    Column("solved", "float64", "share of runs", "solved", "1 where the run ends with every row in the right class"),
    Column(
        "epochs_to_solve",
        "float64",
        "epochs",
        "epochs to solve",
        "epochs from which on every row stays in the right class; empty where the run ends without",
    ),
    Column("final_accuracy", "float64", "share of rows", "final accuracy", "accuracy after the last epoch"),
    Column("measure", "string", "", "measure", "what the row of a summary measures"),
    Column("n", "int64", "runs", "n", "runs with a finite value of the measure"),
    Column("mean", "float64", "", "mean", "mean over seeds"),
    Column("median", "float64", "", "median", "median over seeds"),
    Column("standard_error", "float64", "", "standard error", "standard error of the mean over seeds"),
    Column(
        "ci_low",
        "float64",
        "",
        "interval, low end",
        "lower end of the 95 % interval over seeds: Student's t for means, jackknife with t for pooled fits, Wilson's for shares",
    ),
    Column("ci_high", "float64", "", "interval, high end", "upper end of that interval"),
    Column(
        "decay_factor",
        "float64",
        "per layer",
        "decay factor of single runs",
        "factor by which grad_rms changes per layer towards the input, fitted to log grad_rms over the hidden layers; "
        "through time, grad_norm per time step towards the first",
    ),
    Column("decay_factor_theory", "float64", "per layer", "decay factor in theory", "the same fit to theory_grad_rms"),
    Column(
        "decay_factor_pooled",
        "float64",
        "per layer",
        "decay factor over all seeds",
        "the same fit to the root mean square of grad_rms over seeds, which is what theory predicts",
    ),
    Column(
        "decay_factor_last",
        "float64",
        "per layer",
        "decay factor after training",
        "decay_factor at the last training step",
    ),
    Column("final_train_loss", "float64", "", "final training loss", "training loss at the last step"),
    Column("final_val_loss", "float64", "", "final validation loss", "validation loss after the last epoch"),
    Column("best_val_loss", "float64", "", "best validation loss", "lowest validation loss of any epoch"),
    Column(
        "fall",
        "float64",
        "share of the first loss",
        "fall of the loss",
        "share of its first loss that a range test's curve loses at its lowest",
    ),
    Column(
        "final_val_accuracy",
        "float64",
        "share of rows",
        "final validation accuracy",
        "validation accuracy after the last epoch",
    ),
    Column(
        "final_val_balanced_accuracy",
        "float64",
        "mean share over classes",
        "final balanced validation accuracy",
        "balanced validation accuracy after the last epoch: each class counts alike, however few its rows",
    ),
    *(
        Column(
            f"{name}_val_{measure}",
            "float64",
            unit,
            f"validation {measure} of {label}",
            f"what {label} gets on the same validation rows",
        )
        for name, label in (
            ("guess", "guessing"),
            ("linear", "logistic or ridge regression"),
            ("boosting", "histogram boosting"),
        )
        for measure, unit in (("loss", ""), ("accuracy", "share of rows"))
    ),
    Column(
        "epochs_to_bar",
        "float64",
        "epochs",
        "epochs to the bar",
        "epochs until the validation loss is at the bar: the median of all runs' best; empty where it never is",
    ),
    Column(
        "failed",
        "float64",
        "share of runs",
        "failed",
        "1 where the run diverged or its last training loss is not below its first",
    ),
    Column(
        "suggested_lr_valley",
        "float64",
        "",
        "suggested rate: valley",
        "two thirds into the longest falling stretch (fastai)",
    ),
    Column(
        "suggested_lr_steepest", "float64", "", "suggested rate: steepest", "where the loss falls fastest over log rate"
    ),
    Column(
        "suggested_lr_steepest_linear",
        "float64",
        "",
        "suggested rate: steepest, linear",
        "where the loss falls fastest over the rate itself",
    ),
    Column(
        "suggested_lr_minimum_tenth",
        "float64",
        "",
        "suggested rate: tenth of the minimum's",
        "a tenth of the rate at which the smoothed loss is least",
    ),
    Column(
        "accuracy_cost",
        "float64",
        "share of rows",
        "price in accuracy",
        "final validation accuracy of the right loop minus that of the wrong one, of the same seed; a lost run counts as guessing",
    ),
    Column(
        "loss_cost",
        "float64",
        "",
        "price in loss",
        "final validation loss of the wrong loop minus that of the right one, of the same seed; a lost run counts as guessing",
    ),
    Column("clipped_share", "float64", "share of steps", "steps clipped", "share of a run's updates that were clipped"),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _ALL}
assert len(COLUMNS) == len(_ALL)


def label_of(name: str) -> str:
    """What people read for a column's name, or for a measure's that is no column."""
    return COLUMNS[name].label if name in COLUMNS else name.replace("_", " ")
