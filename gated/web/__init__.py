"""The local page: what one gate is doing, live, for staff and IT."""
