"""How do gradients change from time step to time step in a recurrent network?"""

from pages.widgets.experiment_page import experiment_page

experiment_page("through_time")
