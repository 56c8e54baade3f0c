"""Takes page.png, the picture in the README, of the page over the demo's model: ``make screenshot``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

TARGET = Path(__file__).with_name("page.png")
TYPED = "샌프"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def take(models: Path) -> None:
    """Serve a models folder, type into the page, and keep what it shows."""
    command = [sys.executable, "-m", "machim", "serve", str(models), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        try:
            address = re.search(r"http://\S+/", server.stderr.readline() if server.stderr else "")
            if address is None:
                sys.exit("the service did not start: run `make demo` first, which makes models/places")
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 760, "height": 620})
            page.goto(address[0])
            page.get_by_role("combobox").fill(TYPED)
            page.get_by_role("option").nth(7).wait_for()
            page.screenshot(path=TARGET, animations="disabled")
            browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    take(Path("models"))
