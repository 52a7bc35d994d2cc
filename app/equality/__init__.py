"""Equality monitoring: kept apart, read as suppressed aggregates only."""
