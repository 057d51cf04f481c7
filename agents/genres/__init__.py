"""What every role knows about genres: which adapters may be used, and classifiers of the genres."""
