"""The local page: what one gate is doing, live, for staff and IT."""

from gated.web.page import Page

__all__ = ["Page"]
