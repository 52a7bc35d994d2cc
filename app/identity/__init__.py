"""Signing in, sessions of signed-in people, API clients, single-use links."""
