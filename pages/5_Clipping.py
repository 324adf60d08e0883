"""Which clipper keeps training alive?"""

from pages.widgets.experiment_page import experiment_page

experiment_page("clipping")
