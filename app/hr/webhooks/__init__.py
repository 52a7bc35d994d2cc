"""Changes sent to other systems, signed to the Standard Webhooks specification: to whom, in which order, and what became of it."""
