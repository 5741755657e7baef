"""Thousands of machines' logs in one place, followed by the real `rootspan agent`; one machine is broken.

The machines are simulated: files in the form in which rsyslog collects them. Start it by
`python -m examples.node_logs`.
"""
