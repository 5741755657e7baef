"""Pods on the nodes of a small cluster, each with the real agent; a node or a pod is taken from under them.

Kubernetes itself is simulated: what the kubelet and `kubectl` do and write the example does and writes.
"""
