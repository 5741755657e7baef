"""The reference fleet at its size: 2 regions of 50 instances that can serve 100 requests/s each.

It is simulated: `rootspan_demo` in virtual time. Start it by `python -m examples.region_loss`.
"""
