"""Which learning-rate schedule wins?"""

from pages.widgets.experiment_page import experiment_page

experiment_page("schedulers")
