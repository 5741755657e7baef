"""The rootspan command: the composition root."""
