"""Training jobs: steps, phases, collectives, and what a rank tells when it hangs."""
