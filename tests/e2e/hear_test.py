"""Transcription end to end: our own voice is heard again, an unmodified client, hostile files, kills, and what is refused."""
import concurrent.futures
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

import httpx
import openai

import placements
import words

CONFIG = placements.IPC + "".join(f'[[service]]\nrole = "voice"\nid = "{id}"\nmodel = "{model}"\n'
                                  for id, model in (("voice", "piper-joe"), ("other", "kokoro-82m"), ("hear", "whisper-base")))
SENTENCES = """The meeting is on March 3rd, 2026, at 10:30 in the morning.
She paid $1,250.75 for the old piano.
There were 342 people in the hall.
The train leaves platform 9 at 7:45.
In 1969 two men walked on the moon.
About 25 percent of the students were late.
The bridge is 1,280 meters long.
He was born on July 21st, 1985.
Please call me back before 5 o'clock.
The recipe needs 3 eggs and 200 grams of sugar.
The temperature fell to 12 degrees during the night.
Our flight was delayed by 45 minutes.
The first chapter begins on page 17.
In 2008 the company had 64 offices in 30 countries.
The museum opens every day except Monday.
The river rose by more than 6 feet after the storm.
My sister lives on the 14th floor of a tall building.
They planted 500 trees along the road.
The concert ended at midnight and everybody went home.
World population passed 8 billion in November 2022.""".splitlines()


def child_of(parent, model):
    """The pid of the zenith-media that runs the model."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rsplit(")", 1)
            if "zenith-media" in stat[0] and int(stat[1].split()[1]) == parent and f"--model\0{model}=".encode() in (path / "cmdline").read_bytes():
                return int(path.name)
        except OSError:
            continue
    return None


def wav(samples, rate=16000, claimed=None):
    claimed = len(samples) if claimed is None else claimed
    return b"RIFF" + struct.pack("<I", min(claimed + 36, 0xFFFFFFFF)) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"data" + struct.pack("<I", claimed) + samples


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def film(samples, rate):
    """An AVI with a picture of 16x16 a second, and the samples as its sound."""
    seconds = max(1, len(samples) // (2 * rate))
    frame = bytes(16 * 16 * 3)

    def track(kind, handler, scale, speed, length, size, form):
        head = struct.pack("<4s4sIHHIIIIIIIIhhhh", kind, handler, 0, 0, 0, 0, scale, speed, 0, length, 1 << 16, 0xFFFFFFFF, size, 0, 0, 16, 16)
        return chunk(b"LIST", b"strl" + chunk(b"strh", head) + chunk(b"strf", form))

    picture = struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 24, 0, len(frame), 0, 0, 0, 0)
    tracks = [track(b"vids", b"DIB ", 1, 1, seconds, 0, picture)]
    movie = chunk(b"00db", frame) * seconds
    if samples:
        tracks.append(track(b"auds", bytes(4), 1, rate, len(samples) // 2, 2, struct.pack("<HHIIHHH", 1, 1, rate, rate * 2, 2, 16, 0)))
        movie = b"".join(chunk(b"00db", frame) + chunk(b"01wb", samples[at:at + 2 * rate]) for at in range(0, len(samples), 2 * rate))
    head = chunk(b"avih", struct.pack("<14I", 1_000_000, 0, 0, 0, seconds, 0, len(tracks), 1 << 16, 16, 16, 0, 0, 0, 0))
    return chunk(b"RIFF", b"AVI " + chunk(b"LIST", b"hdrl" + head + b"".join(tracks)) + chunk(b"LIST", b"movi" + movie))


class Hear(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.__enter__()
        cls.placement.wait_ready(wanted=5, seconds=300)
        cls.url = f"http://127.0.0.1:{cls.placement.port}"
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0)
        cls.zenith = cls.placement.processes["zenith"].popen.pid
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.spoken = list(pool.map(cls.say, SENTENCES))
        pieces = [b"".join(cls.pcm(s) + bytes(22050) for s in cls.spoken)]  # half a second between them
        cls.long = wav(pieces[0], 22050)
        cls.long_seconds = (len(cls.long) - 44) / 2 / 22050

    @classmethod
    def tearDownClass(cls):
        media = child_of(cls.zenith, "whisper-base")
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, cls.placement.codes
        assert media is None or not pathlib.Path(f"/proc/{media}").exists(), "zenith-media outlived zenith"

    @classmethod
    def say(cls, text, model="piper-joe"):
        answer = httpx.post(cls.url + "/v1/audio/speech", json={"input": text, "model": model, "response_format": "wav"}, timeout=300)
        assert answer.status_code == 200, answer.text
        return answer.content

    @staticmethod
    def pcm(file):
        return file[44:]

    def send(self, file, timeout=300, **fields):
        return httpx.post(self.url + "/v1/audio/transcriptions", files={"file": ("a.wav", file)}, data=fields, timeout=timeout)

    def hears(self, seconds, idle=False):
        """Waits until the service is ready, or has nothing to do."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            row = next(s for s in json.loads(self.placement.get("/v1/system")[1])["services"] if s["id"] == "hear")
            if row["status"] == "ready" and (not idle or row["running"] + row["queue"] == 0):
                return True
            time.sleep(0.05)
        return False

    def test_an_unmodified_client_reads_every_format(self):
        audio = self.client.audio
        plain = audio.transcriptions.create(model="whisper-1", file=("a.wav", self.spoken[14]))
        self.assertEqual(words.words(plain.text), words.words(SENTENCES[14]))
        verbose = audio.transcriptions.create(model="whisper-base", file=("a.wav", self.spoken[14]), language="en", prompt="The museum.",
                                              response_format="verbose_json", timestamp_granularities=["segment"], temperature=0)
        self.assertEqual((verbose.language, verbose.text), ("english", plain.text))
        self.assertAlmostEqual(verbose.duration, len(self.pcm(self.spoken[14])) / 2 / 22050, delta=0.05)
        for segment in verbose.segments:
            self.assertTrue(0 <= segment.start < segment.end <= verbose.duration + 0.1, segment)
            self.assertTrue(segment.tokens and -1 < segment.avg_logprob <= 0, segment)
        text = audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", self.spoken[14]), response_format="text")
        self.assertEqual(text.strip(), plain.text)
        srt = audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=("a.wav", self.spoken[14]), response_format="srt")
        self.assertRegex(srt, r"^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n\S")
        vtt = audio.transcriptions.create(model="whisper-1", file=("a.wav", self.spoken[14]), response_format="vtt")
        self.assertRegex(vtt, r"^WEBVTT\n\n00:00:0\d\.\d{3} --> ")
        models = {m["id"]: m for m in json.loads(self.placement.get("/v1/models")[1])["data"]}
        self.assertEqual((models["whisper-base"]["kind"], models["whisper-1"]["alias_of"]), ("transcription", "whisper-base"))
        self.assertEqual(models["whisper-base"]["modalities"], {"input": ["audio"], "output": ["text"]})

    def round_trip(self, files, **fields):
        wanted = wrong = 0
        for sentence, file in zip(SENTENCES, files):
            heard = self.send(file, **fields).json()["text"]
            said, got = words.words(sentence), words.words(heard)
            errors = words.distance(said, got)
            wanted, wrong = wanted + len(said), wrong + errors
            if errors:
                print(f"{errors} of {len(said)}: {sentence!r} -> {heard!r}", file=sys.stderr)
        print(f"round trip: {wrong} of {wanted} words wrong ({100 * wrong / wanted:.1f} %)", file=sys.stderr)
        self.assertLessEqual(wrong / wanted, 0.10)

    def test_what_piper_says_we_hear(self):
        self.round_trip(self.spoken)

    def test_what_kokoro_says_we_hear(self):
        # Its voices are Japanese: whisper takes a short sentence of theirs for Japanese unless it is told.
        self.round_trip((self.say(sentence, "kokoro-82m") for sentence in SENTENCES), language="en")

    def test_more_than_thirty_seconds_are_heard_to_the_end(self):
        self.assertGreater(self.long_seconds, 60)
        started = time.monotonic()
        answer = self.send(self.long, response_format="verbose_json")
        took = time.monotonic() - started
        self.assertEqual(answer.status_code, 200, answer.text)
        body = answer.json()
        print(f"{self.long_seconds:.1f} s heard in {took:.1f} s: real-time factor {took / self.long_seconds:.3f}", file=sys.stderr)
        said, got = words.words(" ".join(SENTENCES)), words.words(body["text"])
        self.assertLessEqual(words.distance(said, got) / len(said), 0.10, body["text"])
        starts = [s["start"] for s in body["segments"]]
        self.assertEqual(starts, sorted(starts))
        self.assertGreater(body["segments"][-1]["end"], self.long_seconds - 5)
        self.assertAlmostEqual(body["duration"], self.long_seconds, delta=0.1)

    def test_other_containers_are_read_and_silence_says_nothing(self):
        for kind in ("mp3", "opus", "flac", "aac"):
            file = self.client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCES[14], response_format=kind).read()
            self.assertEqual(words.words(self.send(file).json()["text"]), words.words(SENTENCES[14]), kind)
        heard = self.send(film(self.pcm(self.spoken[14]), 22050))
        self.assertEqual(heard.status_code, 200, heard.text)
        self.assertEqual(words.words(heard.json()["text"]), words.words(SENTENCES[14]), "the sound of a film")
        for seconds in (1 / 16000, 0.05, 5):
            silence = self.send(wav(bytes(2 * max(1, int(16000 * seconds)))))
            self.assertEqual((silence.status_code, silence.json()["text"]), (200, ""), silence.text)

    def test_an_hour_of_silence_costs_no_memory(self):
        def resident():
            status = pathlib.Path(f"/proc/{child_of(self.zenith, 'whisper-base')}/status").read_text()
            return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

        self.assertTrue(self.hears(60, idle=True))
        file = wav(bytes(3600 * 2000 * 2), rate=2000)  # 14 MB; 230 MB as samples that whisper takes
        self.send(wav(bytes(16000)))
        before = resident()
        answer = self.send(file, response_format="verbose_json")
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual((answer.json()["text"], answer.json()["segments"], round(answer.json()["duration"])), ("", [], 3600))
        self.assertLess(resident() - before, 100_000, "KiB")

    def test_a_file_that_breaks_off_is_heard_as_far_as_it_goes(self):
        """As by whatever else reads through FFmpeg. Who wants to know compares the duration."""
        flac = self.client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCES[14] + " " + SENTENCES[10], response_format="flac").read()
        cut = {"wav": wav(self.pcm(self.spoken[14]), 22050, claimed=10_000_000), "flac": flac[:len(flac) * 55 // 100]}
        for kind, file in cut.items():
            answer = self.send(file, response_format="verbose_json")
            self.assertEqual(answer.status_code, 200, (kind, answer.text))
            got = words.words(answer.json()["text"])
            self.assertLessEqual(words.distance(words.words(SENTENCES[14]), got[:8]), 1, (kind, answer.json()["text"]))
            self.assertTrue(1.5 < answer.json()["duration"] < 4.5, (kind, answer.json()["duration"]))

    def test_files_that_are_wrong_are_refused_in_clear_words(self):
        y4m = b"YUV4MPEG2 W16 H16 F25:1 C420\n" + (b"FRAME\n" + bytes(16 * 16 * 3 // 2)) * 25
        good = self.spoken[0]
        cases = [(b"", "empty"), (film(b"", 22050), "no audio track"), (b"It was the best of times.\n" * 50, "no audio or video"), (y4m, "no audio track"),
                 (good[:44] + b"", "file"), (os.urandom(20000), "file"),
                 (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", "file")]
        for file, says in cases:
            answer = self.send(file)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (400, "file"), (file[:40], answer.text))
            self.assertIn(says, answer.json()["error"]["message"])

    def test_fields_that_are_wrong_are_refused_by_name(self):
        cases = [({"model": "nobody"}, 404, "model"), ({"model": "smollm2-135m"}, 400, "model"), ({"model": "piper-joe"}, 400, "model"),
                 ({"language": "xx"}, 400, "language"), ({"temperature": "2"}, 400, "temperature"), ({"colour": "red"}, 400, "colour"),
                 ({"response_format": "xml"}, 400, "response_format"), ({"stream": "true"}, 400, "stream"),
                 ({"response_format": "verbose_json", "timestamp_granularities[]": "word"}, 400, "timestamp_granularities[]"),
                 ({"prompt": "x" * 5000}, 400, "prompt")]
        for fields, status, param in cases:
            answer = self.send(self.spoken[0], **fields)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, param), (fields, answer.text))
        where = self.url + "/v1/audio/transcriptions"
        self.assertEqual(httpx.post(where, json={"model": "whisper-1"}).status_code, 415)
        missing = httpx.post(where, files={"other": ("a", b"x")})
        self.assertEqual((missing.status_code, missing.json()["error"]["param"]), (400, "other"))
        cut = httpx.post(where, content=b"--X\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nRI", headers={"Content-Type": "multipart/form-data; boundary=X"})
        self.assertEqual(cut.status_code, 400, cut.text)
        self.assertIn("cut off", cut.json()["error"]["message"])
        chat = self.placement.post("/v1/chat/completions", {"model": "whisper-base", "messages": [{"role": "user", "content": "hi"}]})
        self.assertEqual(chat[0], 400)

    def test_a_client_that_leaves_stops_the_work(self):
        self.assertTrue(self.hears(60, idle=True))
        with self.assertRaises(httpx.ReadTimeout):
            self.send(self.long, timeout=httpx.Timeout(60, read=1))
        started = time.monotonic()
        self.assertTrue(self.hears(20, idle=True), "nobody waits, and it goes on")
        self.assertLess(time.monotonic() - started, 5)

    def test_a_kill_is_a_typed_error_and_text_does_not_notice(self):
        self.assertTrue(self.hears(60, idle=True))

        def text():
            return list(self.placement.stream("/v1/completions", {"model": "smollm2-135m", "prompt": "Once", "max_tokens": 120,
                                                                  "temperature": 0, "ignore_eos": True}))

        undisturbed = "".join(c["choices"][0]["text"] for _, c in text() if c.get("choices"))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(text)
            threading.Timer(1.5, lambda: os.kill(child_of(self.zenith, "whisper-base"), signal.SIGKILL)).start()
            answer = self.send(self.long)
            self.assertEqual(answer.status_code, 503, answer.text)
            self.assertEqual(answer.json()["error"]["code"], "unavailable")
            self.assertIn("hear", answer.json()["error"]["message"])
            self.assertIn("retry-after", answer.headers)
            disturbed = "".join(c["choices"][0]["text"] for _, c in stream.result() if c.get("choices"))
        self.assertEqual(disturbed, undisturbed)
        killed = time.monotonic()
        time.sleep(0.5)
        self.assertTrue(self.hears(60), self.placement.log())
        print(f"hears again {time.monotonic() - killed:.1f} s after the kill", file=sys.stderr)
        self.assertEqual(self.send(self.spoken[14]).status_code, 200)

    def test_the_verb_transcribes_a_file(self):
        path = self.placement.root / "speech.wav"
        path.write_bytes(self.spoken[14])
        done = subprocess.run([placements.EXE, "transcribe", str(path), "--language", "en", "--json"], capture_output=True, text=True,
                              check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(words.words(json.loads(done.stdout)["text"]), words.words(SENTENCES[14]))
        missing = subprocess.run([placements.EXE, "transcribe", "/nowhere.wav"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/nowhere.wav", missing.stderr)


class Normaliser(unittest.TestCase):
    def test_it_makes_numbers_words(self):
        words.check()


if __name__ == "__main__":
    unittest.main()
