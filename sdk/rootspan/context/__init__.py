"""What travels beside a call: trace context, baggage, attempts and the peer's own duration."""
