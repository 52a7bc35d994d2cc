"""The demonstration county: reference data, an academy's offer, and invented people with three years of history."""
