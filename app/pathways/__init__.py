"""Steps of a career and what they ask for; who meets what, as at any date."""
