"""The recommend role: plan, rank, learn and rights over two tables. Never imports torch."""
