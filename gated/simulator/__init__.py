"""A ticket server on loopback for the demo and for tests, faithful to recorded answers."""
