"""What the examples share: processes, ranks, recordings, and the question to `rootspan why`."""
