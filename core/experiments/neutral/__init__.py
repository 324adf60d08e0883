"""Rooms for experiments that have none of their own: no theory, no questions."""
