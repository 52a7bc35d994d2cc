"""Words that may name a child or a family: found where they are written, decided by the writer, sent nowhere."""
