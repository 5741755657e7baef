"""Training that survives the loss of a rank: torchrun's elastic agents, and restarts from a checkpoint."""
