"""The page in a browser, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


class Seen:
    """The opened page, what it asked for and what it complained about."""

    def __init__(self, page: "sync_api.Page") -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture(scope="module", params=[(1400, "light"), (420, "dark")], ids=["desktop", "phone"])
def seen(report: Path, request: pytest.FixtureRequest) -> Iterator[Seen]:
    width, scheme = request.param
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        opened = Seen(context.new_page())
        opened.page.goto((report / "index.html").as_uri())
        opened.page.wait_for_selector("html[data-charts=ready][data-tables=ready]")
        yield opened
        browser.close()


def column(page: "sync_api.Page", number: int) -> list[str]:
    return page.locator(f"#ranking .board >> nth=0 >> tbody tr > :nth-child({number})").all_inner_texts()


def test_sorting(seen: Seen) -> None:
    board = seen.page.locator("#ranking .board").first
    before = column(seen.page, 2)
    header = board.locator("thead th", has_text="Passes")
    header.click()
    sync_api.expect(header).to_have_attribute("aria-sort", "ascending")
    passes = [float(text) for text in column(seen.page, 11)]
    assert passes == sorted(passes)
    assert len(set(passes)) > 3
    header.click()
    sync_api.expect(header).to_have_attribute("aria-sort", "descending")
    assert [float(text) for text in column(seen.page, 11)] == sorted(passes, reverse=True)
    rank = board.locator("thead th", has_text="Rank")
    rank.click()
    sync_api.expect(rank).to_have_attribute("aria-sort", "ascending")
    assert [text for text in column(seen.page, 2) if text != "–"] == [text for text in before if text != "–"]


def test_sorting_by_keyboard(seen: Seen) -> None:
    header = seen.page.locator("#ranking .board").first.locator("thead th", has_text="Tier")
    header.get_by_role("button").focus()
    seen.page.keyboard.press("Enter")
    sync_api.expect(header).to_have_attribute("aria-sort", "ascending")
    assert column(seen.page, 1)[:3] == ["A", "B", "B"]


def test_a_map_shows_its_curves(seen: Seen) -> None:
    page = seen.page
    page.locator("button.cell").nth(3).click()
    dialog = page.locator("dialog#map[open]")
    assert dialog.locator("h2").inner_text() == "integrated_gradients"
    for curve in ("insertion", "deletion"):
        dialog.locator(f"[data-curve={curve}] svg").wait_for()
        assert dialog.locator(f"[data-curve={curve}] svg path").count() > 5
    assert dialog.locator("dd").count() == 9
    page.keyboard.press("Escape")
    assert page.locator("dialog#map[open]").count() == 0


def test_maps_by_keyboard(seen: Seen) -> None:
    page = seen.page
    page.locator("button.cell").nth(3).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator("dialog#map h2").inner_text() == "input_x_gradient"
    assert page.locator("dialog#map .top p").inner_text() == "creatures-001 · target 1"
    page.keyboard.press("Escape")
    # The browser tells the page that the dialog is closed some time after it is.
    sync_api.expect(page.locator("button.cell:focus")).to_have_attribute("data-sample", "1")


def test_charts_are_drawn_and_nothing_is_wider_than_the_screen(seen: Seen) -> None:
    assert seen.page.locator("[data-chart=cost-1] svg").count() == 1
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_ranking_fits_a_laptop(seen: Seen) -> None:
    before = seen.page.viewport_size
    seen.page.set_viewport_size({"width": 1180, "height": 900})
    box = seen.page.locator("#ranking .scroll").first
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    seen.page.set_viewport_size(before)


def test_bars_stand_for_columns(seen: Seen) -> None:
    assert seen.page.locator("#maps details >> nth=1 >> svg.bars").count() == 8 * (1 + 11 - 1)


def test_nothing_hostile_ran(seen: Seen) -> None:
    assert seen.page.locator("script").count() == 4
    assert seen.page.locator("#outcomes b").count() == 0


def test_no_complaint_and_no_request_that_leaves_the_folder(seen: Seen) -> None:
    assert seen.complaints == []
    assert seen.asked
    assert all(address.startswith(("file://", "data:", "blob:")) for address in seen.asked)
