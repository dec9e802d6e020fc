"""One model over time: what changed, since when, and which samples to watch."""
