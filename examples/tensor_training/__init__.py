"""Tensor-parallel training on real processes: pairs that share each layer, replicas of pairs."""
