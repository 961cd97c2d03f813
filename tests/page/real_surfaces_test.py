"""What the page does beyond text against a running server that offers it: real speech, real ears, real eyes, real sensors.

usage: real_surfaces_test.py --base-url http://127.0.0.1:8080 --offers speech[,hearing][,pictures][,ocr][,sensors] [--screenshots DIR]
What is in --offers must be there and work; what is not must be hidden.
"""
import argparse
import pathlib
import sys
import tempfile
import time
import unittest

import httpx
from playwright.sync_api import expect, sync_playwright

import browser as chromium

OPTIONS = None
SAID = "The quick brown fox jumps over the lazy dog."
CONTROLS = {"speech": "#speak", "hearing": "#record", "pictures": "#add-picture", "sensors": "#tab-sensors"}
NAMES = {"speech": "Spoken replies", "hearing": "Microphone", "pictures": "Pictures in chat", "ocr": "Text in pictures", "sensors": "Sensors"}


def needs(*offers):
    """Marks a test that is run only against a server that offers all of these."""
    def mark(function):
        function.needs = set(offers)
        return function
    return mark


def wait(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


class RealSurfaces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        expect.set_options(timeout=120_000)
        cls.folder = tempfile.TemporaryDirectory()
        microphone = pathlib.Path(cls.folder.name) / "said.wav"
        if {"speech", "hearing"} <= OPTIONS.offers:  # what the server says is what it hears
            answer = httpx.post(OPTIONS.base_url + "/v1/audio/speech", json={"input": SAID, "response_format": "wav"}, timeout=300)
            answer.raise_for_status()
            rate = int.from_bytes(answer.content[24:28], "little")
            chromium.write_wav(microphone, answer.content[44:], rate)
        else:
            chromium.write_murmur(microphone)
        cls.playwright = sync_playwright().start()
        cls.browser = chromium.launch(cls.playwright, microphone)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        cls.folder.cleanup()

    def setUp(self):
        missing = getattr(getattr(self, self._testMethodName), "needs", set()) - OPTIONS.offers
        if missing:
            self.skipTest(f"not in --offers: {', '.join(sorted(missing))}")

    def open(self):
        page = self.enterContext(chromium.open_page(self.browser, OPTIONS.base_url))
        expect(page.locator("#health-text")).to_have_text("ready")
        expect(page.locator("#offers tbody tr")).to_have_count(len(NAMES))
        for name in OPTIONS.offers & CONTROLS.keys():
            expect(page.locator(CONTROLS[name])).to_be_visible()
        return page

    def shoot(self, page, name):
        """On a desk and on a phone; nothing may be wider than the screen."""
        desk = page.viewport_size
        for device, size in (("desk", desk), ("phone", {"width": 390, "height": 844})):
            page.set_viewport_size(size)
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), size["width"], f"{name} on a {device}")
            if OPTIONS.screenshots:
                page.screenshot(path=OPTIONS.screenshots / f"{name}-{device}.png")
        page.set_viewport_size(desk)

    def ask(self, page, text, tokens):
        page.locator("#max-tokens").evaluate("(e, n) => { e.value = n; }", tokens)
        page.locator("#temperature").evaluate("e => { e.value = 0; }")
        page.get_by_label("Message", exact=True).fill(text)
        page.keyboard.press("Enter")

    def picture(self):
        """A picture with words in it, made by the browser itself."""
        page = self.enterContext(chromium.open_page(self.browser, "about:blank"))
        page.set_viewport_size({"width": 640, "height": 240})
        page.set_content("<body style='font: 44px sans-serif; margin: 40px'>INVOICE 2047<br>Total 12.50</body>")
        return {"name": "invoice.png", "mimeType": "image/png", "buffer": page.screenshot()}

    def test_the_page_shows_what_this_server_offers(self):
        page = self.open()
        for name, control in CONTROLS.items():
            expect(page.locator(control)).to_be_visible(visible=name in OPTIONS.offers)
        page.get_by_role("tab", name="System").click()
        for name, words in NAMES.items():
            row = page.locator("#offers tr", has_text=words).last
            expect(row).to_contain_text("offered" if name in OPTIONS.offers else "not offered: ")
            self.assertEqual("not offered" in row.inner_text(), name not in OPTIONS.offers)

    @needs("speech")
    def test_an_answer_is_spoken(self):
        page = self.open()
        page.locator("#speak").click()
        self.ask(page, "Say hello in one short sentence.", 24)
        self.assertTrue(wait(lambda: page.evaluate("window.sounded.length") > 0), page.locator("#notice").inner_text())
        expect(page.locator("#stop")).to_be_hidden()
        pieces = page.evaluate("window.sounded")
        self.assertGreater(sum(p["seconds"] for p in pieces), 0.5)
        self.assertGreater(max(p["loud"] for p in pieces), 0.01, "it is silent")
        rates = {voice["sample_rate"] for voice in httpx.get(OPTIONS.base_url + "/v1/audio/voices").json()["voices"]}
        self.assertLessEqual({p["rate"] for p in pieces}, rates)
        self.assertEqual(page.evaluate("window.silenced"), 0)
        self.shoot(page, "spoken")

    @needs("speech")
    def test_escape_silences_it(self):
        page = self.open()
        page.locator("#speak").click()
        self.ask(page, "Tell me a long story about a ship.", 200)
        self.assertTrue(wait(lambda: page.evaluate("window.sounded.length") > 0))
        page.keyboard.press("Escape")
        expect(page.locator("#stop")).to_be_hidden()
        self.assertGreater(page.evaluate("window.silenced"), 0)
        before = page.evaluate("window.sounded.length")
        page.wait_for_timeout(2_000)
        self.assertEqual(page.evaluate("window.sounded.length"), before)

    @needs("speech", "hearing")
    def test_what_is_said_becomes_text(self):
        page = self.open()
        page.locator("#record").press("Enter")
        expect(page.locator("#stats")).to_contain_text("recording 0:08")
        page.locator("#record").press("Enter")
        expect(page.locator("#record")).to_have_text("Record")
        expect(page.locator("#prompt")).not_to_have_value("")
        self.assertIn("fox", page.locator("#prompt").input_value().lower())

    @needs("pictures")
    def test_a_picture_goes_into_the_prompt(self):
        page = self.open()
        page.locator("#files").set_input_files(self.picture())
        expect(page.locator("#attachments img")).to_have_count(1)
        self.ask(page, "Which number does the invoice have?", 24)
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator(".message.failed")).to_have_count(0)

    @needs("pictures", "ocr")
    def test_a_pasted_picture_is_read(self):
        page, picture = self.open(), self.picture()
        page.locator("#prompt").evaluate("""(prompt, bytes) => {
          const pasted = new DataTransfer();
          pasted.items.add(new File([Uint8Array.from(bytes)], "pasted.png", { type: "image/png" }));
          prompt.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
        }""", list(picture["buffer"]))
        page.get_by_role("button", name="Open pasted.png").click()
        expect(page.locator("#picture-lines")).to_contain_text("INVOICE 2047")
        page.get_by_role("button", name="Use text").click()
        self.assertIn("Total 12.50", page.locator("#prompt").input_value())
        self.shoot(page, "pasted")

    @needs("pictures", "ocr")
    def test_the_text_of_a_picture_lies_over_it(self):
        page = self.open()
        page.locator("#files").set_input_files(self.picture())
        page.get_by_role("button", name="Open invoice.png").click()
        expect(page.locator("#picture-state")).to_have_text("2 lines")
        expect(page.locator("#picture-lines")).to_contain_text("2047")
        expect(page.locator("#picture-lines")).to_contain_text("12.50")
        stage, box = page.locator("#picture-image").bounding_box(), page.locator("#picture-boxes polygon").first.bounding_box()
        self.assertTrue(stage["x"] < box["x"] and stage["y"] < box["y"] < stage["y"] + stage["height"] / 2, (stage, box))
        self.shoot(page, "picture")

    @needs("sensors")
    def test_a_sensor_is_plotted_and_its_window_goes_into_the_prompt(self):
        page = self.open()
        page.get_by_role("tab", name="Sensors").click()
        card = page.locator(".sensor", has=page.locator(".live[aria-pressed=true]")).first
        expect(card.locator("canvas")).to_have_attribute("aria-label", chromium.NOW)
        before = card.locator("canvas").evaluate("c => c.toDataURL()")
        self.assertTrue(wait(lambda: card.locator("canvas").evaluate("c => c.toDataURL()") != before), "it does not move")
        self.shoot(page, "sensors")
        card.get_by_role("button", name="Add to chat").click()
        self.ask(page, "Is that high?", 16)
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator(".message.failed")).to_have_count(0)


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--offers", required=True, type=lambda text: set(filter(None, text.split(","))))
    parser.add_argument("--screenshots", type=pathlib.Path)
    OPTIONS = parser.parse_args()
    unknown = OPTIONS.offers - NAMES.keys()
    if unknown:
        parser.error(f"--offers knows {', '.join(NAMES)}, not {', '.join(unknown)}")
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(RealSurfaces)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
