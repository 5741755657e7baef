"""Data-parallel training on real processes: torchrun, DistributedDataParallel, gloo; with faults to plant."""
