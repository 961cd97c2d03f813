"""Pictures end to end: the real OCR in a child of `zenith serve`, an unmodified client, kills, and what is refused."""
import base64
import concurrent.futures
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time
import unittest
import zlib

import httpx
import jsonschema
import openai

import placements
from voice_test import child_of

CONFIG = placements.IPC + '[[service]]\nrole = "vision"\nid = "vision"\nmodel = "ppocr-v4"\n'
DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision"


def data_url(raw, kind="image/png"):
    return f"data:{kind};base64," + base64.b64encode(raw).decode()


def file_url(name):
    return data_url((DATA / name).read_bytes())


def png(width, height, rows=b""):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def question(url, **more):
    return [{"role": "user", "content": [{"type": "text", "text": "What does the sign say?"},
                                         {"type": "image_url", "image_url": {"url": url, **more}}]}]


class Vision(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.__enter__()
        cls.placement.wait_ready(wanted=3, seconds=180)
        cls.url = f"http://127.0.0.1:{cls.placement.port}"
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0)
        cls.zenith = cls.placement.processes["zenith"].popen.pid

    @classmethod
    def tearDownClass(cls):
        media = child_of(cls.zenith)
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, cls.placement.codes
        assert media is None or not pathlib.Path(f"/proc/{media}").exists(), "zenith-media outlived zenith"

    def ask(self, path, image, timeout=120, **more):
        return httpx.post(self.url + path, json={"image": image, **more}, timeout=timeout)

    def send(self, path, raw, timeout=120, **fields):
        return httpx.post(self.url + path, files={"file": ("picture", raw, "application/octet-stream")}, data=fields, timeout=timeout)

    def wait_vision(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            services = {s["id"]: s["status"] for s in self.placement.services()[1]["services"]}
            if services.get("vision") == "ready":
                return True
            time.sleep(0.02)
        return False

    def test_text_of_a_picture(self):
        answer = self.ask("/v1/vision/ocr", file_url("sign.png"))
        self.assertEqual(answer.status_code, 200, answer.text)
        body = answer.json()
        self.assertEqual((body["width"], body["height"]), (520, 180))
        self.assertEqual(body["text"], "PLATFORM 9\nMind the gap between the doors")
        self.assertEqual([line["text"] for line in body["lines"]], body["text"].split("\n"))
        for line in body["lines"]:
            self.assertEqual([len(p) for p in line["box"]], [2, 2, 2, 2])
            self.assertTrue(0.5 < line["confidence"] <= 1)

    def test_elements_of_a_screen_follow_the_published_schema(self):
        schema = httpx.get(self.url + "/v1/vision/ui/schema").json()
        for name in ("ui_page.png", "sign.png", "receipt.png"):
            answer = self.ask("/v1/vision/ui", file_url(name))
            self.assertEqual(answer.status_code, 200, answer.text)
            body = answer.json()
            jsonschema.validate(body, schema)
            self.assertEqual([e["id"] for e in body["elements"]], list(range(len(body["elements"]))))
        found = {(e["role"], e["text"]): e for e in self.ask("/v1/vision/ui", file_url("ui_page.png")).json()["elements"]}
        self.assertIn(("button", "Place order"), found)
        self.assertFalse(found["button", "Cancel"]["enabled"])
        self.assertIn(("field", "Ada Lovelace"), found)
        self.assertIn(("link", "delivery terms"), found)

    def test_a_file_is_read_as_its_url_is(self):
        for name, path in (("sign.png", "/v1/vision/ocr"), ("ui_page.png", "/v1/vision/ui")):
            answer = self.send(path, (DATA / name).read_bytes(), model="ppocr-v4")
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(answer.json(), self.ask(path, file_url(name)).json())

    def test_a_file_that_is_refused_is_named(self):
        jpeg = (DATA / "small" / "rgb.jpg").read_bytes()
        cases = [(png(30000, 30000), 413, "900000000 pixels"), (jpeg[:len(jpeg) * 3 // 4], 400, "cut off"), (b"Hello", 400, "none of PNG"),
                 (b"<svg/>", 400, "SVG"), (b"", 400, "is empty")]
        for raw, status, says in cases:
            answer = self.send("/v1/vision/ocr", raw)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, "file"), answer.text)
            self.assertIn(says, answer.json()["error"]["message"])
            self.assertTrue(answer.json()["error"]["message"].startswith("file: "), answer.text)
        sign = (DATA / "sign.png").read_bytes()
        for fields, status, param in (({"prompt": "x"}, 400, "prompt"), ({"model": "nobody"}, 404, "model"), ({"image": "x"}, 400, "image")):
            answer = self.send("/v1/vision/ui", sign, **fields)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, param), answer.text)
        for content, kind in ((b"x", "text/plain"), (sign, "image/png")):
            answer = httpx.post(self.url + "/v1/vision/ocr", content=content, headers={"Content-Type": kind}, timeout=30)
            self.assertEqual(answer.status_code, 415, answer.text)
            self.assertIn("multipart/form-data", answer.json()["error"]["message"])

    def test_a_screenshot_is_read_in_time(self):
        took = []
        for _ in range(3):
            started = time.monotonic()
            self.assertEqual(self.ask("/v1/vision/ocr", file_url("ui_page.png")).status_code, 200)
            took.append(time.monotonic() - started)
        print(f"1280 x 800: {min(took):.2f} s", file=sys.stderr)

    def test_what_is_refused_names_the_reason(self):
        jpeg = (DATA / "small" / "rgb.jpg").read_bytes()
        cases = [(data_url(png(30000, 30000)), 413, "900000000 pixels, at most 50000000"), (data_url(jpeg[:len(jpeg) * 3 // 4]), 400, "cut off"),
                 (data_url(b"Hello, this is text."), 400, "none of PNG"), (data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 400, "SVG"),
                 ("data:image/png;base64,!!!!", 400, "no base64"), ("https://127.0.0.1:1/x.png", 400, "not public"),
                 ("https://localhost/x.png", 400, "not public"), ("http://example.org/x.png", 400, "https"), ("file:///etc/passwd", 400, "https"),
                 (data_url(png(100, 100)), 400, "damaged")]
        for image, status, says in cases:
            for path in ("/v1/vision/ocr", "/v1/vision/ui"):
                answer = self.ask(path, image)
                self.assertEqual(answer.status_code, status, (image[:60], answer.text))
                self.assertIn(says, answer.json()["error"]["message"])
                self.assertEqual(answer.json()["error"]["param"], "image")
        self.assertEqual(self.ask("/v1/vision/ocr", file_url("sign.png"), model="smollm2-135m").status_code, 400)
        self.assertEqual(self.ask("/v1/vision/ocr", file_url("sign.png"), model="nobody").status_code, 404)
        self.assertEqual(httpx.post(self.url + "/v1/vision/ocr", json={"image": file_url("sign.png"), "prompt": "x"}).status_code, 400)

    def test_an_unmodified_client_sends_a_picture(self):
        answer = self.client.chat.completions.create(model="smollm2-135m", messages=question(file_url("sign.png"), detail="low"), max_tokens=24,
                                                     temperature=0)
        self.assertEqual(answer.model_extra["zenith"], {"modality_path": ["ocr"]})
        plain = self.client.chat.completions.create(model="smollm2-135m", messages=[{"role": "user", "content": "What does the sign say?"}],
                                                    max_tokens=1)
        self.assertNotIn("zenith", plain.model_extra)
        self.assertGreater(answer.usage.prompt_tokens, plain.usage.prompt_tokens + 20, "the text of the sign is in the prompt")
        chunks = list(self.client.chat.completions.create(model="smollm2-135m", messages=question(file_url("sign.png")), max_tokens=8, temperature=0,
                                                          stream=True))
        self.assertEqual([c.model_extra.get("zenith") for c in chunks[:-1]], [None] * (len(chunks) - 1))
        self.assertEqual(chunks[-1].model_extra["zenith"], {"modality_path": ["ocr"]})

    def test_the_text_of_a_picture_stands_where_the_picture_stood(self):
        """The same prompt, written out, has as many tokens and the same greedy answer."""
        span = "[Image 1, 520 x 180 pixels; its text, as OCR read it:]\n> PLATFORM 9\n> Mind the gap between the doors\n[end of image 1]"
        wanted = {"model": "smollm2-135m", "max_tokens": 16, "temperature": 0}
        seen = self.client.chat.completions.create(messages=question(file_url("sign.png")), **wanted)
        written = self.client.chat.completions.create(messages=[{"role": "user", "content": [{"type": "text", "text": "What does the sign say?"},
                                                                                             {"type": "text", "text": span}]}], **wanted)
        self.assertEqual(seen.usage.prompt_tokens, written.usage.prompt_tokens)
        self.assertEqual(seen.choices[0].message.content, written.choices[0].message.content)

    def test_a_picture_that_cannot_be_read_ends_the_chat_by_its_place(self):
        answer = httpx.post(self.url + "/v1/chat/completions", json={"messages": question(data_url(png(30000, 30000)))}, timeout=60)
        self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (413, "messages[0].content[1]"), answer.text)
        self.assertIn("900000000 pixels", answer.json()["error"]["message"])

    def test_a_client_that_leaves_stops_the_reading(self):
        page = file_url("page.png")
        for path, body in (("/v1/vision/ocr", {"image": page}), ("/v1/chat/completions", {"messages": question(page)})):
            with self.assertRaises(httpx.ReadTimeout):
                httpx.post(self.url + path, json=body, timeout=0.4)
            end = time.monotonic() + 20
            while time.monotonic() < end:
                system = json.loads(self.placement.get("/v1/system")[1])
                vision = next(s for s in system["services"] if s["id"] == "vision")
                if vision["running"] + vision["queue"] == 0:
                    break
                time.sleep(0.05)
            self.assertLess(time.monotonic(), end, vision)
        self.assertEqual(self.ask("/v1/vision/ocr", file_url("sign.png")).status_code, 200)

    def test_a_kill_is_a_typed_error_and_text_does_not_notice(self):
        def text():
            return list(self.placement.stream("/v1/completions", {"model": "smollm2-135m", "prompt": "Once", "max_tokens": 120,
                                                                  "temperature": 0, "ignore_eos": True}))

        page = file_url("page.png")
        undisturbed = [c["choices"][0]["text"] for _, c in text() if c.get("choices")]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(text)
            ocr = pool.submit(self.ask, "/v1/vision/ocr", page)
            chat = pool.submit(httpx.post, self.url + "/v1/chat/completions", json={"messages": question(page), "max_tokens": 4}, timeout=120)
            end = time.monotonic() + 20
            while time.monotonic() < end:  # in the middle of it
                system = json.loads(self.placement.get("/v1/system")[1])
                if next(s for s in system["services"] if s["id"] == "vision")["running"]:
                    break
            os.kill(child_of(self.zenith), signal.SIGKILL)
            for answer in (ocr.result(), chat.result()):
                if answer.status_code != 200:
                    self.assertEqual(answer.status_code, 503, answer.text)
                    self.assertIn("vision", answer.json()["error"]["message"])
                    self.assertIn("retry-after", answer.headers)
                print("after the kill:", answer.status_code, file=sys.stderr)
            gone = httpx.post(self.url + "/v1/chat/completions", json={"messages": question(file_url("sign.png")), "max_tokens": 1}, timeout=60)
            if gone.status_code != 200:
                self.assertEqual(gone.status_code, 503, gone.text)
                self.assertRegex(gone.json()["error"]["message"], "vision|'ppocr-v4' is loading", "it may be on its way back already")
            self.assertTrue(self.wait_vision(), self.placement.log())
            disturbed = [c["choices"][0]["text"] for _, c in stream.result() if c.get("choices")]
        self.assertEqual("".join(disturbed), "".join(undisturbed))
        self.assertEqual(self.ask("/v1/vision/ocr", file_url("sign.png")).status_code, 200)

    def test_many_at_once_are_all_answered(self):
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: self.ask("/v1/vision/ocr", file_url("line.png")), range(12)))
        self.assertEqual({a.status_code for a in answers}, {200})
        self.assertEqual({a.json()["text"] for a in answers}, {answers[0].json()["text"]})

    def test_models_say_what_they_take(self):
        models = {m["id"]: m for m in json.loads(self.placement.get("/v1/models")[1])["data"]}
        self.assertEqual((models["ppocr-v4"]["kind"], models["ppocr-v4"]["modalities"]), ("vision", {"input": ["image"], "output": ["text"]}))


class WithoutVision(unittest.TestCase):
    def test_a_picture_is_refused_at_once(self):
        with placements.Placement(placements.IPC) as placement:
            url = f"http://127.0.0.1:{placement.port}"
            for path, body in (("/v1/chat/completions", {"messages": question(file_url("sign.png"))}),
                               ("/v1/vision/ocr", {"image": file_url("sign.png")})):
                started = time.monotonic()
                answer = httpx.post(url + path, json=body, timeout=30)
                self.assertEqual(answer.status_code, 400, answer.text)
                self.assertIn('role "vision"', answer.json()["error"]["message"])
                self.assertLess(time.monotonic() - started, 5)


class OtherPlacement(unittest.TestCase):
    def test_vision_is_a_process_like_any_other(self):
        order = [("gateway", "gateway"), ("router", "router"), ("vision", "vision"), ("text", "text")]
        with placements.Placement(CONFIG, order) as placement:
            placement.wait_ready(wanted=3, seconds=180)
            answer = httpx.post(f"http://127.0.0.1:{placement.port}/v1/chat/completions",
                                json={"messages": question(file_url("sign.png")), "max_tokens": 2}, timeout=120)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(answer.json()["zenith"]["modality_path"], ["ocr"])
            placement.processes["vision"].kill()
            placement.processes["vision"].popen.wait()
            end = time.monotonic() + 20
            while time.monotonic() < end:
                answer = httpx.post(f"http://127.0.0.1:{placement.port}/v1/chat/completions",
                                    json={"messages": question(file_url("sign.png")), "max_tokens": 2}, timeout=120)
                if answer.status_code == 503:
                    break
            self.assertEqual(answer.status_code, 503, answer.text)
            self.assertIn("vision", answer.json()["error"]["message"])


class CommandLine(unittest.TestCase):
    def see(self, *arguments):
        return subprocess.run([placements.EXE, "see", *arguments], capture_output=True, text=True, check=False, timeout=180)

    def test_see(self):
        done = self.see(str(DATA / "sign.png"))
        self.assertEqual((done.returncode, done.stdout), (0, "PLATFORM 9\nMind the gap between the doors\n"), done.stderr)
        done = self.see(str(DATA / "ui_page.png"), "--ui", "--json")
        body = json.loads(done.stdout)
        self.assertIn("Place order", [e["text"] for e in body["elements"] if e["role"] == "button"])
        done = self.see(str(DATA / "ui_page.png"), "--ui")
        self.assertIn('button "Place order" (', done.stdout)
        self.assertEqual(self.see("/nowhere.png").returncode, 1)
        self.assertEqual(self.see(str(pathlib.Path(__file__))).returncode, 2, "a text file is no picture")


if __name__ == "__main__":
    unittest.main()
