"""The talent pipeline: pools for roles, who is nominated and ready, what they say themselves."""
