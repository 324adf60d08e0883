"""How do gradients change from layer to layer?"""

from pages.widgets.experiment_page import experiment_page

experiment_page("vanishing")
