"""Speech end to end: the real voice in a child of `zenith serve`, an unmodified client, kills, and what is refused."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import httpx
import openai
import numpy

import placements

CONFIG = (placements.IPC + '[[service]]\nrole = "voice"\nid = "voice"\nmodel = "piper-joe"\n')
SENTENCE = "The quick brown fox jumps over the lazy dog."
LONG = " ".join(f"This is sentence number {i}, and it says nothing of any importance to anybody." for i in range(130))


def child_of(parent):
    """The pid of its zenith-media; None while there is none."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = path.read_text().rsplit(")", 1)
            if "zenith-media" in name and int(rest.split()[1]) == parent:
                return int(path.parent.name)
    return None


def samples_of(wav):
    assert wav[:4] == b"RIFF" and wav[8:16] == b"WAVEfmt " and wav[36:40] == b"data", wav[:44]
    return struct.unpack("<I", wav[24:28])[0], numpy.frombuffer(wav[44:], "<i2")


class Voice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.__enter__()
        cls.placement.wait_ready(wanted=3, seconds=120)
        cls.url = f"http://127.0.0.1:{cls.placement.port}"
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0)
        cls.zenith = cls.placement.processes["zenith"].popen.pid

    @classmethod
    def tearDownClass(cls):
        media = child_of(cls.zenith)
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, cls.placement.codes
        assert media is None or not pathlib.Path(f"/proc/{media}").exists(), "zenith-media outlived zenith"

    def wait_voice(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            services = {s["id"]: s["status"] for s in self.placement.services()[1]["services"]}
            if services.get("voice") == "ready":
                return True
            time.sleep(0.02)
        return False

    def speak(self, **body):
        return httpx.post(self.url + "/v1/audio/speech", json=body, timeout=300)

    def test_an_unmodified_client_gets_speech(self):
        speech = self.client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE, response_format="wav")
        rate, samples = samples_of(speech.read())
        self.assertEqual(rate, 22050)
        self.assertTrue(1.5 < len(samples) / rate < 6, len(samples) / rate)
        loud = numpy.sqrt(numpy.mean(samples.astype(float) ** 2))
        self.assertGreater(loud, 500, "it is silent")
        self.assertLess(numpy.mean(numpy.abs(samples) >= 32767), 0.01, "it is clipped")

    def test_speed_and_pcm(self):
        slow, fast = (len(self.speak(input=SENTENCE, model="piper-joe", voice="joe", response_format="pcm", speed=s).content)
                      for s in (0.5, 2))
        self.assertGreater(slow, 2.5 * fast)
        answer = self.speak(input=SENTENCE, response_format="pcm")
        self.assertEqual(answer.headers["content-type"], "audio/pcm;rate=22050")

    def test_every_format_is_what_it_says(self):
        starts = {"mp3": ("audio/mpeg", (b"\xff\xf3", b"\xff\xfb")), "opus": ("audio/ogg;codecs=opus", (b"OggS",)),
                  "flac": ("audio/flac", (b"fLaC",)), "aac": ("audio/aac", (b"\xff\xf1",))}
        plain = len(self.speak(input=SENTENCE, response_format="pcm").content)
        for name, (content_type, first) in starts.items():
            with self.subTest(name):
                answer = self.speak(input=SENTENCE, response_format=name)
                self.assertEqual((answer.status_code, answer.headers["content-type"]), (200, content_type))
                self.assertTrue(answer.content.startswith(first), answer.content[:8])
                self.assertTrue(plain / 40 < len(answer.content) < plain * 0.9, (len(answer.content), plain))
        speech = self.client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE)
        self.assertTrue(speech.read().startswith(starts["mp3"][1]), "mp3 is what stock clients expect")

    def test_it_comes_as_it_is_made(self):
        started = time.monotonic()
        with httpx.stream("POST", self.url + "/v1/audio/speech", json={"input": LONG[:4000]}, timeout=300) as answer:
            pieces = []
            for piece in answer.iter_raw():
                pieces.append(time.monotonic() - started)
        self.assertLess(pieces[0], pieces[-1] / 3, "the first sentence did not wait for the last")

    def test_ten_thousand_characters_and_a_client_that_leaves(self):
        self.assertGreater(len(LONG), 10_000)
        with httpx.stream("POST", self.url + "/v1/audio/speech", json={"input": LONG[:10_000]}, timeout=300) as answer:
            self.assertEqual(answer.status_code, 200)
            next(answer.iter_raw(1000))
        end = time.monotonic() + 30
        while time.monotonic() < end:  # what nobody hears is not made
            system = json.loads(self.placement.get("/v1/system")[1])
            voice = next(s for s in system["services"] if s["id"] == "voice")
            if voice["running"] + voice["queue"] == 0:
                break
            time.sleep(0.1)
        self.assertLess(time.monotonic(), end, voice)
        self.assertEqual(self.speak(input=SENTENCE).status_code, 200)

    def test_what_is_refused_names_the_field(self):
        cases = [({"input": ""}, 400, "input"), ({"input": "x" * 20_000}, 400, "input"), ({"input": "..."}, 400, "input"),
                 ({"input": "hi", "voice": "zoe"}, 400, "voice"), ({"input": "hi", "response_format": "ogg"}, 400, "response_format"),
                 ({"input": "hi", "model": "nobody"}, 404, "model"), ({"input": "hi", "model": "smollm2-135m"}, 400, "model"),
                 ({"input": "hi", "speed": 9}, 400, "speed"), ({"input": "漢字"}, 400, "input")]
        for body, status, param in cases:
            answer = self.speak(**body)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, param), (body, answer.text))
        bad = httpx.post(self.url + "/v1/audio/speech", content=b'{"input":"\xff\xfe"}', headers={"Content-Type": "application/json"})
        self.assertEqual(bad.status_code, 400)
        self.assertIn("joe", self.speak(input="hi", voice="zoe").json()["error"]["message"])
        chat = self.placement.post("/v1/chat/completions", {"model": "piper-joe", "messages": [{"role": "user", "content": "hi"}]})
        self.assertEqual(chat[0], 400)

    def test_voices_and_models_are_listed(self):
        voices = json.loads(self.placement.get("/v1/audio/voices")[1])["voices"]
        row = {"model": "piper-joe", "language": "en-US", "sample_rate": 22050}
        self.assertIn({"id": "joe", "alias_of": None, **row}, voices)
        self.assertIn({"id": "alloy", "alias_of": "joe", **row}, voices)
        models = {m["id"]: m for m in json.loads(self.placement.get("/v1/models")[1])["data"]}
        self.assertEqual((models["piper-joe"]["kind"], models["tts-1"]["alias_of"]), ("speech", "piper-joe"))

    def test_a_kill_is_a_typed_error_and_text_does_not_notice(self):
        def text():
            return list(self.placement.stream("/v1/completions", {"model": "smollm2-135m", "prompt": "Once", "max_tokens": 120,
                                                                  "temperature": 0, "ignore_eos": True}))

        undisturbed = [c["choices"][0]["text"] for _, c in text() if c.get("choices")]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(text)
            events = []
            with httpx.stream("POST", self.url + "/v1/audio/speech", json={"input": LONG[:8000], "stream_format": "sse"}, timeout=120) as answer:
                for line in answer.iter_lines():
                    if not line.startswith("data: "):
                        continue
                    events.append(json.loads(line[6:]))
                    if len(events) == 1:
                        os.kill(child_of(self.zenith), signal.SIGKILL)
                        killed = time.monotonic()
            self.assertEqual(events[0]["type"], "speech.audio.delta")
            self.assertEqual(events[-1]["error"]["code"], "unavailable", events[-1])
            self.assertIn("voice", events[-1]["error"]["message"])
            gone = self.speak(input=SENTENCE)
            if gone.status_code != 200:
                self.assertEqual(gone.status_code, 503, gone.text)
                self.assertIn("retry-after", gone.headers)
                self.assertIn("piper-joe", gone.text)
            self.assertTrue(self.wait_voice(20), self.placement.log())
            print(f"back after {time.monotonic() - killed:.2f} s", file=sys.stderr)
            disturbed = [c["choices"][0]["text"] for _, c in stream.result() if c.get("choices")]
        self.assertEqual("".join(disturbed), "".join(undisturbed))
        self.assertEqual(self.speak(input=SENTENCE).status_code, 200)

    def test_plain_audio_that_breaks_off_does_not_look_whole(self):
        self.assertTrue(self.wait_voice(20))
        with self.assertRaises(httpx.RemoteProtocolError):
            with httpx.stream("POST", self.url + "/v1/audio/speech", json={"input": LONG[:8000]}, timeout=120) as answer:
                pieces = answer.iter_raw(1000)
                next(pieces)
                os.kill(child_of(self.zenith), signal.SIGKILL)
                for _ in pieces:
                    pass
        self.assertTrue(self.wait_voice(20))


class Kokoro(unittest.TestCase):
    VOICES = ["jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"]

    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG.replace("piper-joe", "kokoro-82m"))
        cls.placement.__enter__()
        cls.placement.wait_ready(wanted=3, seconds=180)
        cls.url = f"http://127.0.0.1:{cls.placement.port}/v1/audio/speech"

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, cls.placement.codes

    def speak(self, **body):
        return httpx.post(self.url, json={"input": "The rain has stopped.", "response_format": "wav", **body}, timeout=300)

    def test_its_voices_are_listed_and_each_speaks(self):
        listed = [v for v in json.loads(self.placement.get("/v1/audio/voices")[1])["voices"] if v["alias_of"] is None]
        self.assertEqual([v["id"] for v in listed], self.VOICES)
        self.assertEqual({(v["model"], v["language"], v["sample_rate"]) for v in listed}, {("kokoro-82m", "en", 24000)})
        sounds = set()
        for voice in self.VOICES:
            answer = self.speak(voice=voice)
            self.assertEqual(answer.status_code, 200, answer.text)
            rate, samples = samples_of(answer.content)
            self.assertEqual(rate, 24000)
            self.assertTrue(0.5 < len(samples) / rate < 4, (voice, len(samples) / rate))
            self.assertGreater(numpy.sqrt(numpy.mean(samples.astype(float) ** 2)), 300, "it is silent")
            sounds.add(answer.content)
        self.assertEqual(len(sounds), len(self.VOICES))

    def test_speed(self):
        slow, fast = (len(samples_of(self.speak(speed=speed).content)[1]) for speed in (0.6, 1.8))
        self.assertGreater(slow, 1.8 * fast)

    def test_a_voice_it_does_not_have_is_named(self):
        answer = self.speak(voice="zoe", model="kokoro-82m")
        self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (400, "voice"), answer.text)
        self.assertIn("jm_kumo", answer.json()["error"]["message"])

    def test_sentences_come_one_by_one(self):
        started, pieces = time.monotonic(), []
        with httpx.stream("POST", self.url, json={"input": "This is one. " * 6, "response_format": "pcm"}, timeout=300) as answer:
            for _ in answer.iter_raw():
                pieces.append(time.monotonic() - started)
        self.assertGreaterEqual(len(pieces), 6)
        self.assertLess(pieces[0], pieces[-1] / 2, "the first sentence did not wait for the last")


class WithoutMedia(unittest.TestCase):
    def test_a_missing_zenith_media_is_said_and_text_serves(self):
        whole = placements.EXE
        with tempfile.TemporaryDirectory() as folder:
            placements.EXE = shutil.copy2(whole, folder)
            try:
                with placements.Placement(CONFIG) as placement:
                    answer = httpx.post(f"http://127.0.0.1:{placement.port}/v1/audio/speech", json={"input": "hi"}, timeout=30)
                    self.assertEqual(answer.status_code, 503, answer.text)
                    self.assertIn("zenith-media", answer.json()["error"]["message"])
                    self.assertEqual(placement.post("/v1/completions", {"model": "smollm2-135m", "prompt": "a", "max_tokens": 1})[0], 200)
            finally:
                placements.EXE = whole
        done = subprocess.run([whole, "serve", "voice", "--offline"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--id chooses it", done.stderr)


class OtherPlacement(unittest.TestCase):
    def test_voice_is_a_process_like_any_other(self):
        order = [("gateway", "gateway"), ("router", "router"), ("voice", "voice"), ("text", "text")]
        with placements.Placement(CONFIG, order) as placement:
            placement.wait_ready(wanted=3, seconds=120)
            answer = httpx.post(f"http://127.0.0.1:{placement.port}/v1/audio/speech",
                                json={"input": SENTENCE, "response_format": "wav"}, timeout=120)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertGreater(len(samples_of(answer.content)[1]), 22050)


if __name__ == "__main__":
    unittest.main()
