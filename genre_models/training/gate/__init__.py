"""Whether a trained adapter may be published: controls, samples, bounds and the report."""
