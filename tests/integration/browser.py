"""Headless Chromium for the tests of what people see, and what is asked of every page."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

PATIENCE_MS = 20_000
"""How long a page may take to show what it is expected to, on a machine that is busy."""

_CHROMIUM = shutil.which("chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# One browser a module, and the loop that it lives in.
in_browser = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not _CHROMIUM, reason="needs Chromium: apt-get install chromium"),
]
# Every text against the nearest painted ground behind it, as WCAG counts; big text needs less.
FIND_POOR_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = rgb(getComputedStyle(node).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    const words = walk.currentNode.textContent.trim();
    if (!words || !node.checkVisibility({ visibilityProperty: true })) continue;
    if (node.closest("template, option, .hidden, script, style")) continue;
    const style = getComputedStyle(node);
    const pair = [light(rgb(style.color)), light(ground(node))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const isBig = size >= 24 || (size >= 18.7 && style.fontWeight >= 700);
    if (ratio < (isBig ? 3 : 4.5)) poor.push(`${words}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser, and the patience with which `expect` looks at its pages."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        await browser.close()
