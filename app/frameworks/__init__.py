"""Versioned standards and, later, programmes and rules: all of it data."""
