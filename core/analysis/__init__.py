"""What frames say, in pandas: seeds folded together, curves, layer profiles, rankings. Draws nothing."""
