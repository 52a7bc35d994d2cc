"""Verbs of learning together: put something on the list, pair up, run a set, log a meeting."""
