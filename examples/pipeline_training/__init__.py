"""Pipeline-parallel training on real processes: stages, microbatches, replicas; with faults to plant."""
