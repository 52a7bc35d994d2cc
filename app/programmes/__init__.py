"""Programmes: ASYE and its successor, apprenticeships, leadership: cohorts, portfolios, panels, sign-off."""
