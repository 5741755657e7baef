"""What the page Root cause shows of the engine's answer, and how it is sent to others."""
