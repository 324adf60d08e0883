"""Records an unchanged training script and names what is wrong with it.

Needs Python, torch and NumPy alone. Its modules and ``diagnosis`` import each other relatively, so that the launcher
can load them under a private name and leave ``core`` free for the script.
"""
