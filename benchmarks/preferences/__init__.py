"""What the learner is worth: `python -m benchmarks.preferences`."""
