"""Takes the README's picture of the running app: ``python .readme/picture.py http://127.0.0.1:8501``."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PAGE = "Vanishing_gradients"
COLOURS = 96  # enough for lines and words, and a tenth of the bytes

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{sys.argv[1]}/{PAGE}")
    page.get_by_text("runs, all in the store").wait_for(timeout=120_000)
    page.locator(".vega-embed svg").nth(2).wait_for()
    page.wait_for_timeout(1500)
    picture = Image.open(BytesIO(page.screenshot()))
    browser.close()
small = picture.convert("RGB").resize((1080, 675), Image.Resampling.LANCZOS).quantize(COLOURS)
small.save(Path(__file__).with_name("vanishing_gradients.png"), optimize=True)
