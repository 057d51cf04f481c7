"""The train role: texts and orders are kept, and a process a training makes adapters of them."""
