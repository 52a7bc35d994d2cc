"""Verbs that change enrolments, portfolios and panels."""
