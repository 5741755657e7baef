"""Training jobs: what their spans tell, who slows or stops them, and read models of both."""
