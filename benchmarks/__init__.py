"""Repeatable measurements. Each prints Markdown and takes its ratio to a plain baseline in the same run."""
