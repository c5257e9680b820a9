"""A ticket server on loopback, for the demo and for tests; it answers as the real ones were recorded."""
