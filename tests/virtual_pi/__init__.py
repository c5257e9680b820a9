"""A Pi without a Pi: Debian with a real systemd, under a kernel that is a process of its own."""
