"""How the lab draws, in Altair: one style, axes, and the few shapes that charts are made of. Folds no frame."""
