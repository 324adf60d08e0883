"""Which remedy makes the deep network learn?"""

from pages.widgets.experiment_page import experiment_page

experiment_page("remedies")
