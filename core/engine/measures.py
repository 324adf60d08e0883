"""What the engine measures, by name; imports no torch, so that experiments can list it."""

LAYERS = (  # of every layer at every step
    "train_loss",
    "grad_mean_abs",
    "grad_rms",
    "grad_norm",
    "delta_rms",
    "weight_rms",
    "activation_rms",
    "saturated",
    "dead",
    "update_ratio",
    "underflow",
)
VALIDATION = ("val_loss", "val_accuracy", "val_balanced_accuracy")  # at the end of each epoch
UPDATES = (  # of every update of a training
    "lr",
    "momentum",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_balanced_accuracy",
    "grad_norm",
    "clipped_grad_norm",
    "clip_cosine",
    "clipped",
    "update_norm",
    "diverged",
)
