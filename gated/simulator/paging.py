"""Pages of long lists: 50 rows each, linked as the server links them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from gated.simulator.exchange import Refusal, Reply, answer, detail

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from gated.simulator.exchange import Call, Site

PAGE_SIZE = 50

_Row = TypeVar("_Row")


def paginated(
    site: Site, call: Call, rows: Sequence[_Row], write: Callable[[_Row], dict[str, Any]]
) -> Reply:
    """Write the page that was asked for; a page past the end is refused."""
    size = _size(site, call)
    last = max(1, -(-len(rows) // size))
    number = _number(call, last)
    return answer(
        {
            "count": len(rows),
            "next": _link(site, call, number + 1) if number < last else None,
            "previous": _link(site, call, number - 1) if number > 1 else None,
            "results": [write(row) for row in rows[(number - 1) * size : number * size]],
        }
    )


class Walks:
    """Remembers the rows of the last few walks through pages, so that page 2,000 stays cheap.

    Page 1 always looks afresh, and so does every page after `stamp` has changed.
    """

    def __init__(self, *, kept: int = 8) -> None:
        self._kept = kept
        self._rows: dict[Hashable, tuple[Hashable, Sequence[Any]]] = {}

    def rows(
        self, call: Call, *, stamp: Hashable, look: Callable[[], Sequence[_Row]]
    ) -> Sequence[_Row]:
        """Return what `look` finds, or found when this walk began."""
        filters = tuple(pair for pair in sorted(call.query) if pair[0] != "page")
        walk = (call.path, call.rights and call.rights.kind, filters)
        if call.param("page") not in {None, "1"}:
            then, rows = self._rows.get(walk, (None, ()))
            if then == stamp:
                return rows
        rows = look()
        self._rows.pop(walk, None)
        self._rows[walk] = (stamp, rows)
        if len(self._rows) > self._kept:
            del self._rows[next(iter(self._rows))]
        return rows


def _size(site: Site, call: Call) -> int:
    asked = call.param("page_size") or ""
    if not site.traits.page_size_honoured or not asked.isdecimal() or int(asked) == 0:
        return PAGE_SIZE
    return min(int(asked), PAGE_SIZE)


def _number(call: Call, last: int) -> int:
    asked = call.param("page") or "1"
    if asked == "last":
        return last
    if not asked.isdecimal() or not 1 <= int(asked) <= last:
        raise Refusal(detail(404, "Invalid page."))
    return int(asked)


def _link(site: Site, call: Call, number: int) -> str:
    pairs = [(name, value) for name, value in call.query if name != "page"]
    if number > 1:
        pairs.append(("page", str(number)))
    query = "?" + urlencode(sorted(pairs)) if pairs else ""
    return f"{call.base}{site.traits.link_prefix}{call.path}{query}"
