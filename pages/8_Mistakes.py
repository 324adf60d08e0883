"""What does a wrong line cost?"""

from pages.widgets.experiment_page import experiment_page
from pages.widgets.wrong_line import result

experiment_page("mistakes", result)
