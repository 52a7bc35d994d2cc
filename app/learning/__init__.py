"""The catalogue, curricula, completions and, later, learning records."""
