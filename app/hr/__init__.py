"""People coming in from HR systems."""
