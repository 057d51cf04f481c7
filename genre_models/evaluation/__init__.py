"""Would another policy have pleased more? Off-policy estimates from the decision log."""
