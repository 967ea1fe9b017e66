"""A real browser: open, choose, sort, compare, submit with a key, and see the verdict."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.worker import work

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, DESKTOP = 390, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium, and none is installed")
    with sync_playwright() as engine:
        running = engine.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture
def url(board: Board) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(board), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param, viewport={"width": DESKTOP, "height": 900})
    yield context.new_page()
    context.close()


def submit(page: Page, url: str, key: str, bundle: Path) -> None:
    page.goto(url)
    page.get_by_role("link", name="Take part").click()
    page.get_by_label("Key").fill(key)
    page.get_by_label("Bundle").set_input_files(bundle)
    page.get_by_role("button", name="Submit").click()


def test_submit_see_the_verdict_open_sort_and_compare(
    page: Page, url: str, board: Board, key: str, task: Any, pack_as: Any
) -> None:
    for name in ("First model", "Second model"):
        submit(page, url, key, pack_as(name))
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_role("status")).to_contain_text("Waiting")
        work(board.settings, until_empty=True)
        page.reload()
        expect(page.get_by_role("heading", name="Verdict")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Doubtful")
    expect(page.get_by_role("status")).to_contain_text("guesses are those of")
    accept(board, page.url)
    page.goto(url)
    page.get_by_role("link", name=task.title).first.click()
    table = page.get_by_role("region").first
    expect(table.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Model", exact=True).click()
    expect(table.locator("tbody th").first).to_contain_text("First model")
    page.get_by_role("link", name="ct", exact=True).click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("ct")
    page.get_by_label("with").select_option(index=1)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("model and .*model"))
    expect(page.get_by_role("region", name="Scores of both")).to_contain_text("0.000")


def accept(board: Board, address: str) -> None:
    from leaderboard.desk import Desk

    Desk(board).decide(address.rsplit("/", 1)[1].removesuffix(".html"), "verified", "looked at")


def test_a_key_that_is_not_valid(page: Page, url: str, packed: Path, task: Any) -> None:
    submit(page, url, "imb_000000000000_x", packed)
    expect(page.get_by_role("alert")).to_contain_text("This key is not valid")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(
    browser: Browser, url: str, board: Board, key: str, task: Any, pack_as: Any, width: int, scheme: Any
) -> None:
    """No page is wider than the screen, and small text stands out from what is behind it."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    submit(page, url, key, pack_as("A model whose name is rather long, though not too long"))
    work(board.settings, until_empty=True)
    page.reload()
    addresses = [page.url, f"{url}/", f"{url}/take-part.html", f"{url}/tasks/{task.id}/index.html"]
    addresses.append(page.url.replace(".html", "-targets-1.html"))
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        ratios = page.evaluate(CONTRAST)
        assert min(ratios) >= 4.5, address
    context.close()


CONTRAST = """() => {
  const part = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const c = rgb(getComputedStyle(node).backgroundColor);
      if (c.length < 4 || c[3] > .99) return c;
    }
    return [255, 255, 255];
  };
  const shown = node => [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const found = [];
  for (const node of document.querySelectorAll("main *, header *, footer")) {
    if (!shown(node) || node.closest("svg, .spoken, .skip")) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
    found.push((Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return found;
}"""
"""The contrast of every text with what is behind it."""


def test_by_keyboard_alone(browser: Browser, url: str, task: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == task.title:
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(task.title)
    context.close()
