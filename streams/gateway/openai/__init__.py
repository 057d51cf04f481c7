"""The OpenAI door: chat completions and models, for clients that speak nothing else."""
