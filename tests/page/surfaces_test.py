"""What the page does beyond text, in a real headless browser over a scripted server (stub_server.py)."""
import base64
import pathlib
import struct
import tempfile
import time
import unittest
import zlib

from playwright.sync_api import expect, sync_playwright

import browser as chromium
from stub_server import OCR, Stub

DECODE = """async (bytes) => {
  const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(data.buffer), samples = sound.getChannelData(0);
  return { seconds: sound.duration, loud: Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length) };
}"""
# A short press of the mouse, whatever the machine is busy with.
TAP = """button => {
  for (const name of ["pointerdown", "pointerup"]) button.dispatchEvent(new PointerEvent(name, { pointerId: 1, button: 0, bubbles: true }));
  button.click();
}"""
PASTE = """([target, bytes, type, name, kind]) => {
  const carried = new DataTransfer(); // of these bytes, or of that many zeroes
  carried.items.add(new File([typeof bytes === "number" ? new Uint8Array(bytes) : Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type }));
  const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true })
                                 : new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  document.querySelector(target).dispatchEvent(event);
}"""


def png(width=200, height=100):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = b"\0" + b"\xee\xee\xf2" * width
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")


def wait(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


class Surfaces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        microphone = pathlib.Path(cls.folder.name) / "murmur.wav"
        chromium.write_murmur(microphone)
        expect.set_options(timeout=30_000)  # a machine may be busy; what passes does not wait
        cls.playwright = sync_playwright().start()
        cls.browser = chromium.launch(cls.playwright, microphone)
        cls.stub = Stub()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        cls.stub.shutdown()
        cls.folder.cleanup()

    def setUp(self):
        self.stub.reset()

    def open(self, **options):
        page = self.enterContext(chromium.open_page(self.browser, self.stub.url, **options))
        expect(page.locator("#health-text")).to_have_text("ready")
        return page

    def ask(self, page, text):
        page.get_by_label("Message", exact=True).fill(text)
        page.keyboard.press("Enter")

    def carry(self, page, kind, data, mime="image/png", name="bill.png"):
        target = "#prompt" if kind == "paste" else "#messages"
        page.evaluate(PASTE, [target, data if isinstance(data, int) else base64.b64encode(data).decode(), mime, name, kind])

    # What is offered

    def test_nothing_is_shown_that_the_server_does_not_offer(self):
        self.stub.offered = set()
        page = self.open()
        for name in ("#record", "#speak", "#add-picture", "#tab-sensors", "#voice-setting"):
            expect(page.locator(name)).to_be_hidden()
        page.get_by_role("tab", name="System").click()
        offers = page.locator("#offers")
        for name, why in (("Spoken replies", "no voice"), ("Microphone", "no model that transcribes"), ("Pictures in chat", "no model that sees"),
                          ("Text in pictures", "no model that reads pictures"), ("Sensors", "no sensor")):
            expect(offers.locator("tr", has_text=name)).to_contain_text(f"not offered: this server has {why}")

    def test_a_surface_that_says_503_is_not_offered_and_the_rest_is(self):
        self.stub.failing = {"/v1/sensors": (503, "the sensor host is gone"), "/v1/audio/voices": (404, "there is no such address")}
        page = self.open()
        expect(page.locator("#record")).to_be_visible()
        for name in ("#tab-sensors", "#speak"):
            expect(page.locator(name)).to_be_hidden()
        page.get_by_role("tab", name="System").click()
        expect(page.locator("#offers tr", has_text="Sensors")).to_contain_text("not offered: the sensor host is gone")
        expect(page.locator("#offers tr", has_text="Spoken replies")).to_contain_text("not offered: this server has no voice")

    def test_what_comes_later_is_shown_then(self):
        self.stub.offered = set()
        self.stub.more_services = [{"role": "voice", "id": "voice-1", "status": "loading", "model": None, "detail": "reading weights"}]
        page = self.open()
        page.get_by_role("tab", name="System").click()
        expect(page.locator("#offers")).to_contain_text("the voice service voice-1 is loading: reading weights")
        self.stub.more_services = []
        self.stub.offered = {"speech", "hearing", "vision", "sensors"}
        expect(page.locator("#tab-sensors")).to_be_visible()
        page.get_by_role("tab", name="Chat").click()
        for name in ("#record", "#speak", "#add-picture"):
            expect(page.locator(name)).to_be_visible()

    def test_the_keyboard_goes_through_the_tabs_that_are_there(self):
        page = self.open()
        expect(page.locator("#tab-sensors")).to_be_visible()
        page.locator("#tab-chat").focus()
        for name in ("sensors", "system", "chat"):
            page.keyboard.press("ArrowRight")
            expect(page.locator(f"#view-{name}")).to_be_visible()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#view-system")).to_be_visible()

    # The microphone

    def heard(self, page):
        self.assertTrue(wait(lambda: self.stub.heard), "nothing was sent")
        form = self.stub.heard[-1]
        self.assertEqual(form["model"][1], b"whisper-tiny")
        self.assertEqual(form["response_format"][1], b"json")
        name, sound = form["file"]
        self.assertEqual(name, "speech.webm")
        self.assertTrue(sound.startswith(b"\x1a\x45\xdf\xa3") and b"A_OPUS" in sound, sound[:64])
        return page.evaluate(DECODE, base64.b64encode(sound).decode())

    def test_click_and_click_again_records_what_the_microphone_hears(self):
        page = self.open()
        page.get_by_label("Message", exact=True).fill("I ask:")
        record = page.locator("#record")
        record.evaluate(TAP)
        expect(record).to_have_text("Stop recording")
        expect(page.locator("#stats")).to_contain_text("recording 0:02")
        record.evaluate(TAP)
        sound = self.heard(page)
        self.assertTrue(1.5 < sound["seconds"] < 6, sound)
        self.assertGreater(sound["loud"], 0.005, "it is silent")
        expect(page.locator("#prompt")).to_have_value("I ask: what was said")
        expect(record).to_have_text("Record")
        self.assertEqual(page.evaluate("document.activeElement.id"), "prompt")

    def test_a_hold_ends_with_its_release(self):
        page = self.open()
        page.locator("#record").hover()
        page.mouse.down()
        expect(page.locator("#stats")).to_contain_text("recording 0:01")
        page.mouse.up()
        self.heard(page)
        expect(page.locator("#prompt")).to_have_value("what was said")

    def test_the_keyboard_records_and_escape_throws_it_away(self):
        page = self.open()
        expect(page.locator("#record")).to_be_visible()
        page.locator("#record").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#record")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Escape")
        expect(page.locator("#record")).to_have_text("Record")
        page.keyboard.press("Space")
        expect(page.locator("#stats")).to_contain_text("recording 0:01")
        page.keyboard.press("Space")
        expect(page.locator("#prompt")).to_have_value("what was said")
        self.assertEqual(len(self.stub.heard), 1, "what Escape threw away was sent")

    def test_the_microphone_is_let_go_after_a_recording(self):
        page = self.open()
        page.evaluate("""() => { const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          window.tracks = []; navigator.mediaDevices.getUserMedia = async (w) => { const s = await ask(w); window.tracks.push(...s.getTracks()); return s; }; }""")
        for end in ("#record", "Escape"):
            page.locator("#record").evaluate(TAP)
            expect(page.locator("#record")).to_have_text("Stop recording")
            page.keyboard.press(end) if end == "Escape" else page.locator(end).evaluate(TAP)
            expect(page.locator("#record")).to_have_text("Record")
        self.assertEqual(page.evaluate("window.tracks.map(t => t.readyState)"), ["ended", "ended"])

    def test_a_microphone_that_is_refused_is_said_in_words(self):
        page = self.open()
        page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError')); }")
        page.locator("#record").evaluate(TAP)
        expect(page.locator("#notice")).to_have_text("Microphone: the browser was told not to give it")
        expect(page.locator("#record")).to_have_text("Record")

    def test_a_transcription_that_fails_is_said_in_words(self):
        page = self.open()
        for status, words in ((503, "Microphone: not offered at the moment (the voice service is loading)"),
                              (404, "Microphone: this server does not offer it (the voice service is loading)"),
                              (413, "Microphone: the voice service is loading")):
            self.stub.failing = {"/v1/audio/transcriptions": (status, "the voice service is loading")}
            page.locator("#record").evaluate(TAP)
            expect(page.locator("#record")).to_have_text("Stop recording")
            page.locator("#record").evaluate(TAP)
            expect(page.locator("#notice")).to_have_text(words)
            expect(page.locator("#record")).to_have_text("Record")

    # Spoken replies

    def test_an_answer_is_spoken_sentence_by_sentence_while_it_is_written(self):
        self.stub.answer = ["The first sentence", " is **here**. The ", "second, e.g. this, ", "costs 3.50 euros!\n", "```py\nprint(1)\n```\n", "And `this` is the end"]
        self.stub.answer_pause_s = 0.5
        page = self.open()
        page.locator("#speak").click()
        expect(page.locator("#speak")).to_have_attribute("aria-pressed", "true")
        self.ask(page, "Tell me")
        self.assertTrue(wait(lambda: self.stub.spoken))
        expect(page.locator("#send")).to_be_hidden()  # it is still being written
        self.assertTrue(wait(lambda: len(self.stub.spoken) == 3), self.stub.spoken)
        self.assertEqual([s["input"] for s in self.stub.spoken], ["The first sentence is here.", "The second, e.g. this, costs 3.50 euros!", "And this is the end"])
        self.assertEqual({(s["model"], s["voice"], s["response_format"]) for s in self.stub.spoken}, {("piper-joe", "joe", "pcm")})
        expect(page.locator("#stop")).to_be_hidden()  # after the last sound
        pieces = page.evaluate("window.sounded")
        self.assertAlmostEqual(sum(p["seconds"] for p in pieces), 3 * 0.3, delta=0.01)
        for piece in pieces:
            self.assertEqual(piece["rate"], 22050)
            self.assertAlmostEqual(piece["loud"], 8000 / 32768 / 2 ** 0.5, delta=0.02)
        self.assertTrue(all(a["at"] + a["seconds"] <= b["at"] + 1e-6 for a, b in zip(pieces, pieces[1:])), "two sound at once")
        self.assertEqual(page.evaluate("window.silenced"), 0)

    def test_samples_are_whole_wherever_the_chunks_are_cut(self):
        heard = self.open().evaluate("""async () => {
          const { Speaker } = await import("./speaker.js"), samples = Int16Array.from({ length: 12 }, (_, i) => 2500 * i - 15000);
          const bytes = new Uint8Array(samples.buffer), all = [], cuts = [[24], [1, 1, 22], [3, 2, 1, 18], [5, 5, 5, 5, 4], Array(24).fill(1)];
          for (const cut of cuts) {
            let at = 0;
            window.fetch = async () => new Response(new ReadableStream({
              pull(stream) {
                if (at >= bytes.length) return stream.close();
                const size = cut.shift();
                stream.enqueue(bytes.slice(at, at += size));
              } }), { headers: { "Content-Type": "audio/pcm;rate=22050" } });
            const speaker = new Speaker({ onState() {}, onProblem(error) { throw error; } }), got = [];
            speaker.voice = { id: "joe", model: "piper-joe", sample_rate: 22050 };
            speaker.run = { abort: new AbortController() };
            speaker.schedule = (run, view) => { for (let i = 0; i < view.byteLength; i += 2) got.push(view.getInt16(i, true)); };
            await speaker.play(speaker.run, "Hello.");
            all.push(got);
          }
          return all;
        }""")
        self.assertEqual(heard, [[2500 * i - 15000 for i in range(12)]] * 5)

    def silent(self, page):
        """Nothing sounds, nothing is asked for, and the request that ran was left."""
        expect(page.locator("#stop")).to_be_hidden()
        self.assertGreater(page.evaluate("window.silenced"), 0)
        before = len(self.stub.spoken), page.evaluate("window.sounded.length")
        self.assertTrue(wait(lambda: self.stub.left), "the request was not left")
        page.wait_for_timeout(500)
        self.assertEqual((len(self.stub.spoken), page.evaluate("window.sounded.length")), before)

    def speak_long(self, page):
        self.stub.speech_pieces = 2000  # it is still being made when it is stopped, and much of it waits to be heard
        if page.locator("#speak").get_attribute("aria-pressed") != "true":
            page.locator("#speak").click()
        self.ask(page, "Tell me")
        expect(page.locator("#send")).to_be_visible()
        self.assertTrue(wait(lambda: page.evaluate("window.sounded.length") > 4))
        expect(page.locator("#stop")).to_be_visible()

    def test_stop_escape_a_new_chat_and_the_switch_silence_it_at_once(self):
        for name, end in (("stop", lambda page: page.locator("#stop").click()), ("escape", lambda page: page.keyboard.press("Escape")),
                          ("new chat", lambda page: page.get_by_role("button", name="New chat").click()), ("switch", lambda page: page.locator("#speak").click()),
                          ("record", lambda page: page.locator("#record").evaluate(TAP))):
            with self.subTest(name):
                self.stub.reset()
                page = self.open()
                self.speak_long(page)
                end(page)
                self.silent(page)

    def test_sending_again_silences_what_was_being_spoken(self):
        page = self.open()
        self.speak_long(page)
        self.stub.answer = ["Something else."]
        self.ask(page, "Another thing")
        self.assertTrue(wait(lambda: self.stub.left), "the old speech went on")
        self.assertGreater(page.evaluate("window.silenced"), 0)
        self.assertTrue(wait(lambda: self.stub.spoken[-1]["input"] == "Something else."))
        self.assertNotIn("And a second one.", [s["input"] for s in self.stub.spoken])

    def test_one_answer_is_read_on_demand(self):
        page = self.open()
        self.ask(page, "Tell me")
        expect(page.locator("#send")).to_be_visible()
        self.assertEqual(self.stub.spoken, [], "the switch is off")
        page.locator(".message.assistant").get_by_role("button", name="Listen").click()
        self.assertTrue(wait(lambda: [s["input"] for s in self.stub.spoken] == ["One sentence.", "And a second one."]), self.stub.spoken)

    def test_a_voice_that_fails_is_said_and_the_text_goes_on(self):
        self.stub.failing = {"/v1/audio/speech": (503, "the voice service is restarting")}
        page = self.open()
        page.locator("#speak").click()
        self.ask(page, "Tell me")
        expect(page.locator("#notice")).to_have_text("Spoken replies: not offered at the moment (the voice service is restarting)")
        expect(page.locator(".message.assistant .content")).to_have_text("One sentence. And a second one.")
        expect(page.locator("#stop")).to_be_hidden()

    def test_sentences(self):
        page = self.open()
        take = """async ([text, step]) => { const { Sentences } = await import("/sentences.js"); const s = new Sentences(), out = [];
                  for (let i = step; i < text.length; i += step) out.push(...s.take(text.slice(0, i))); return [...out, ...s.take(text, true)]; }"""
        cases = {
            "": [], "One.": ["One."], "No end": ["No end"], "A. B! C? D…": ["A.", "B!", "C?", "D…"],
            "Dr. No, i.e. him, has 3.14.\nNext": ["Dr. No, i.e. him, has 3.14.", "Next"], "# Head\n- one\n- *two*": ["Head", "one", "two"],
            "1. First thing.\n2. Second.": ["First thing.", "Second."], "See [the page](http://x.y/z.html). Done": ["See the page.", "Done"],
            "Before:\n```js\na. b. c.\n```\nAfter.": ["Before:", "After."], "```\nonly code": [], "He said \"no.\" Then left.": ["He said \"no.\"", "Then left."],
            "--- *** ---": [], "你好。再见。": ["你好。", "再见。"],
        }
        for text, wanted in cases.items():
            for step in (1, 3, 1000):
                with self.subTest(text=text, step=step):
                    self.assertEqual(page.evaluate(take, [text, step]), wanted)
        long = page.evaluate(take, ["word, " * 400 + "x" * 1000, 50])
        self.assertTrue(all(0 < len(s) <= 300 for s in long) and len(long) >= 12, [len(s) for s in long])

    # Pictures

    def test_a_picture_pasted_dropped_or_chosen_goes_with_the_message(self):
        data = png()
        page = self.open()
        expect(page.locator("#add-picture")).to_be_visible()
        self.carry(page, "paste", data)
        self.carry(page, "drop", data, name="dropped.png")
        page.locator("#files").set_input_files({"name": "chosen.png", "mimeType": "image/png", "buffer": data})
        expect(page.locator("#attachments img")).to_have_count(3)
        page.get_by_role("button", name="Remove dropped.png").click()
        self.ask(page, "What is it?")
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        url = "data:image/png;base64," + base64.b64encode(data).decode()
        image = {"type": "image_url", "image_url": {"url": url}}
        self.assertEqual(self.stub.chats[-1]["messages"], [{"role": "user", "content": [image, image, {"type": "text", "text": "What is it?"}]}])
        expect(page.locator("#attachments li")).to_have_count(0)
        expect(page.locator(".message.user img")).to_have_count(2)
        page.reload()
        expect(page.locator(".message.user img")).to_have_count(2)

    def test_a_picture_alone_is_a_message(self):
        page = self.open()
        expect(page.locator("#add-picture")).to_be_visible()
        self.carry(page, "paste", png())
        expect(page.locator("#attachments img")).to_have_count(1)
        page.locator("#send").click()
        self.assertTrue(wait(lambda: self.stub.chats))
        self.assertEqual([p["type"] for p in self.stub.chats[-1]["messages"][0]["content"]], ["image_url"])

    def test_what_is_no_picture_is_refused_in_words(self):
        page = self.open()
        expect(page.locator("#add-picture")).to_be_visible()
        for data, mime, name, words in ((b"hello", "text/plain", "a.txt", "a.txt is no picture: it is text/plain"),
                                        (b"\x89PNG rubbish", "image/png", "b.png", "b.png is damaged, or this browser cannot show image/png"),
                                        (17 * 2 ** 20, "image/png", "c.png", "c.png has 17.0 MiB: 16 MiB are the most")):
            self.carry(page, "drop", data, mime, name)
            expect(page.locator("#notice")).to_have_text(words)
        self.stub.offered = set()
        page.reload()
        expect(page.locator("#health-text")).to_have_text("ready")
        self.carry(page, "paste", png())
        expect(page.locator("#notice")).to_have_text("Pictures are not offered: this server has no model that sees")
        expect(page.locator("#attachments li")).to_have_count(0)

    def test_a_full_storage_loses_the_pictures_not_the_words(self):
        page = self.open()
        expect(page.locator("#add-picture")).to_be_visible()
        page.evaluate("localStorage.setItem('ballast', 'x'.repeat(5 * 1024 * 1024 - 20_000))")
        noise = bytes(zlib.crc32(bytes([i % 256, i // 256])) % 256 for i in range(30_000))
        page.locator("#files").set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": png() + noise})
        expect(page.locator("#attachments img")).to_have_count(1)
        self.ask(page, "Look")
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        page.reload()
        expect(page.locator(".message.user")).to_contain_text("big.png (not kept: the browser's storage is full)")
        expect(page.locator("#health-text")).to_have_text("ready")
        self.ask(page, "And now")
        self.assertTrue(wait(lambda: len(self.stub.chats) == 2))
        self.assertEqual(self.stub.chats[-1]["messages"][0], {"role": "user", "content": "Look"})

    def open_picture(self, page):
        expect(page.locator("#add-picture")).to_be_visible()
        self.carry(page, "paste", png())
        page.get_by_role("button", name="Open bill.png").click()
        expect(page.locator("#picture")).to_be_visible()

    def test_the_text_that_is_read_lies_over_the_picture(self):
        page = self.open()
        self.open_picture(page)
        expect(page.locator("#picture-state")).to_have_text("2 lines")
        self.assertEqual(self.stub.seen[-1], {"image": "data:image/png;base64," + base64.b64encode(png()).decode()})
        self.assertEqual(page.locator("#picture-boxes").get_attribute("viewBox"), "0 0 200 100")
        image, box = page.locator("#picture-image").bounding_box(), page.locator("#picture-boxes polygon").first.bounding_box()
        scale = image["width"] / OCR["width"]
        for got, wanted in ((box["x"] - image["x"], 10), (box["y"] - image["y"], 10), (box["width"], 140), (box["height"], 30)):
            self.assertAlmostEqual(got / scale, wanted, delta=3)  # a line has its width
        page.get_by_role("button", name="Thank you").focus()
        expect(page.locator("#picture-boxes polygon").nth(1)).to_have_class("marked")
        page.get_by_role("button", name="Use text").click()
        expect(page.locator("#prompt")).to_have_value(OCR["text"])
        page.get_by_role("button", name="Open bill.png").click()
        expect(page.locator("#picture-state")).to_have_text("2 lines")
        self.assertEqual(len(self.stub.seen), 1, "it was read twice")
        page.keyboard.press("Escape")
        expect(page.locator("#picture")).to_be_hidden()

    def test_a_picture_that_cannot_be_read_is_said_in_words(self):
        self.stub.failing = {"/v1/vision/ocr": (503, "the vision service is loading")}
        page = self.open()
        self.open_picture(page)
        expect(page.locator("#picture-state")).to_have_text("Text in pictures: not offered at the moment (the vision service is loading)")
        self.stub.failing = {}
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Open bill.png").click()
        expect(page.locator("#picture-state")).to_have_text("2 lines")

    # Sensors

    def sensors(self, page):
        page.get_by_role("tab", name="Sensors").click()
        expect(page.locator(".sensor")).to_have_count(6)
        return page.locator(".sensor")

    def test_a_sensor_is_plotted_live(self):
        page = self.open()
        card = self.sensors(page).first
        expect(card).to_contain_text("host · cpu · f32[2] · % · 1 Hz")
        expect(card.locator(".legend li")).to_have_count(2)
        expect(card.locator(".legend")).to_contain_text("cpu0")
        page.wait_for_timeout(600)
        ink = "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"
        self.assertGreater(card.locator("canvas").evaluate(ink), 200, "nothing is drawn")
        before = card.locator("canvas").evaluate("c => c.toDataURL()")
        page.wait_for_timeout(300)
        self.assertNotEqual(card.locator("canvas").evaluate("c => c.toDataURL()"), before, "it does not move")
        self.assertIn(("GET", "/v1/sensors/host.cpu/frames?rate=20"), self.stub.asked)

    def test_streams_run_only_while_they_are_seen(self):
        page = self.open()
        self.sensors(page)
        self.assertTrue(wait(lambda: self.stub.watching == ["host.cpu"]), self.stub.watching)
        page.get_by_role("tab", name="Chat").click()
        self.assertTrue(wait(lambda: self.stub.watching == []), self.stub.watching)
        self.ask(page, "The chat has its connection")
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        page.get_by_role("tab", name="Sensors").click()
        self.assertTrue(wait(lambda: self.stub.watching == ["host.cpu"]), self.stub.watching)

    def test_a_fifth_plot_ends_the_first_and_many_values_are_one_line(self):
        page = self.open()
        cards = self.sensors(page)
        for i in (1, 2, 3, 5):
            cards.nth(i).get_by_role("button", name="Plot", exact=True).click()
        self.assertTrue(wait(lambda: sorted(self.stub.watching) == ["host.load", "host.memory", "host.net", "sim.spectrum"]), self.stub.watching)
        expect(cards.first.locator(".live")).to_have_text("Plot")
        expect(cards.nth(5).locator("canvas")).to_have_attribute("aria-label", "Plot of sim.spectrum; now 64 values dB")
        expect(cards.nth(5).locator(".legend li")).to_have_count(0)

    def test_a_window_of_a_sensor_goes_with_the_message(self):
        page = self.open()
        card = self.sensors(page).nth(1)
        card.get_by_label("Window").select_option("2m")
        card.get_by_role("button", name="Add to chat").click()
        expect(page.locator("#view-chat")).to_be_visible()
        expect(page.locator("#attachments")).to_contain_text("host.memory, last 2m")
        self.ask(page, "Is that much?")
        self.assertTrue(wait(lambda: self.stub.chats))
        self.assertEqual(self.stub.chats[-1]["messages"][0]["content"],
                         [{"type": "sensor", "sensor_id": "host.memory", "window": "2m"}, {"type": "text", "text": "Is that much?"}])
        expect(page.locator(".message.user .chip")).to_have_text("host.memory, last 2m")

    def test_sensors_that_go_are_said_in_words(self):
        page = self.open()
        self.stub.failing = {"/v1/sensors/host.cpu/frames": (503, "the plugin is restarting")}
        card = self.sensors(page).first
        expect(card.locator(".state")).to_have_text("host.cpu: not offered at the moment (the plugin is restarting)")
        self.stub.failing = {}
        expect(card.locator(".legend li")).to_have_count(2)
        expect(card.locator(".state")).to_be_empty()
        self.stub.failing = {"/v1/sensors": (503, "the sensor host is gone")}
        expect(page.locator("#sensors-error")).to_have_text("Sensors: not offered at the moment (the sensor host is gone)")

    # The look

    def test_nothing_is_wider_than_a_phone(self):
        page = self.open(is_mobile=True, has_touch=True)
        page.set_viewport_size({"width": 360, "height": 740})
        expect(page.locator("#add-picture")).to_be_visible()
        self.carry(page, "paste", png(900, 300), name="a-name-that-is-rather-long-for-a-phone-and-goes-on.png")
        self.ask(page, "Look")
        expect(page.locator(".message.assistant .content")).not_to_be_empty()
        wide = "document.documentElement.scrollWidth <= 360"
        self.assertTrue(page.evaluate(wide), "chat")
        page.locator(".message.user .thumbnail").click()
        expect(page.locator("#picture-state")).to_have_text("2 lines")
        self.assertTrue(page.evaluate(wide), "picture")
        self.assertLessEqual(page.locator("#picture").evaluate("d => d.scrollWidth - d.clientWidth"), 0)
        page.locator("#picture-close").click()
        self.sensors(page)
        self.assertTrue(page.evaluate(wide), "sensors")
        page.get_by_role("tab", name="System").click()
        self.assertTrue(page.evaluate(wide), "system")


if __name__ == "__main__":
    unittest.main()
