"""What the numbers should be, worked out without running a network."""
