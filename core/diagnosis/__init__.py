"""What is wrong, by which evidence, and what to change.

Verdicts are relative: how the gradient changes per layer, with its interval over seeds; shares of units; how a loss
moved; what the loss of guessing is. A sound run gets no error and no warning.
"""
