"""What `rootspan demo` plays: a simulated fleet, sent, stored and asked about."""
