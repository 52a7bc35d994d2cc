"""Learning together: mentoring, coaching, shadowing and action learning."""
