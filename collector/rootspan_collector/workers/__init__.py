"""Several processes that share the ports, each with a log of its own, and what they know of each other."""
