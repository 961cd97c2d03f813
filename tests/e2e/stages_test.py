"""One request over all services: text, a picture, a sensor's window and speech in, text and speech out. In one process with its
children and with each service in a process of its own: what fails is named, what is cancelled is free, the receipt and the trace
say who did what."""
import base64
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import signal
import socket
import tempfile
import time
import unittest
import wave

import httpx
import numpy
import openai

import placements
import replay
from collector import Collector
from sensor_test import PROC, service
from vision_test import file_url, png
from words import words

SPEAKS = '[[service]]\nrole = "voice"\nid = "speaks"\nmodel = "piper-joe"\n'
HEARS = '[[service]]\nrole = "voice"\nid = "hears"\nmodel = "whisper-base"\n'
SEES = '[[service]]\nrole = "vision"\nid = "sees"\nmodel = "ppocr-v4"\n'
SENSES = service("senses", "host_telemetry", {"root": str(placements.still_proc(PROC.name)), "period_ms": 50})
SAID = "What is the weather like in London today?"
AUDIO = {"voice": "alloy", "format": "wav"}
BOTH = ["text", "audio"]


def image(name="sign.png"):
    return {"type": "image_url", "image_url": {"url": file_url(name)}}


def sensor(window="10s", name="host.memory"):
    return {"type": "sensor", "sensor_id": name, "window": window}


def request(*parts, **more):
    return {"model": "smollm2-135m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Say something short."}, *parts]}],
            "max_tokens": 24, "temperature": 0, **more}


def loud(samples):
    return numpy.sqrt(numpy.mean(samples.astype(float) ** 2))


def wav_samples(data):
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), "<i2")


class Base(unittest.TestCase):
    order = ()
    ids = ("speaks", "hears", "sees")

    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.collector.__enter__()
        config = placements.IPC + SPEAKS + HEARS + SEES + SENSES + f'[trace]\nendpoint = "{cls.collector.url}"\n'
        cls.placement = placements.Placement(config, cls.order, environment={"ZENITH_LOG_LEVEL": "info"})
        cls.placement.__enter__()
        cls.port = cls.placement.port
        cls.url = f"http://127.0.0.1:{cls.port}"
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0, timeout=300)
        cls.wait_services()

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        cls.collector.__exit__()
        assert not cls.collector.faults, cls.collector.faults

    @classmethod
    def wait_services(cls, seconds=240):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError):
                ready = {s["id"] for s in cls.placement.services()[1].get("services", []) if s["status"] == "ready"}
                sensors = {s["id"]: s["status"] for s in json.loads(cls.placement.get("/v1/sensors")[1])["sensors"]}
                if set(cls.ids) <= ready and {"text:smollm2-135m", "text"} & ready and sensors.get("host.memory") == "ready":
                    return
            time.sleep(0.1)
        raise AssertionError(f"not ready: {cls.placement.services()}\n{cls.placement.log()[-6000:]}")

    def post(self, body, path="/v1/chat/completions", timeout=300, **headers):
        return httpx.post(self.url + path, json=body, timeout=timeout, headers=headers)

    def system(self):
        return {s["id"]: s for s in json.loads(self.placement.get("/v1/system")[1])["services"]}

    def wait_idle(self, seconds=30):
        """Until no service works on anything or has anything waiting, and no page of keys and values is taken."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            busy = {name: s for name, s in self.system().items() if s.get("running", 0) + s.get("queue", 0) + s.get("pages_used", 0)}
            if not busy:
                return
            time.sleep(0.05)
        raise AssertionError(f"still busy: {busy}")

    def speech(self):
        """A spoken question as a wav, made once."""
        if not hasattr(Base, "question"):
            answer = self.client.audio.speech.create(model="tts-1", voice="alloy", input=SAID, response_format="wav")
            raw = answer.read()
            samples = numpy.frombuffer(raw[44:], "<i2")  # its head says that the length is not known
            out = io.BytesIO()
            with wave.open(out, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(22050)
                file.writeframes(samples.tobytes())
            Base.question = base64.b64encode(out.getvalue()).decode()
        return {"type": "input_audio", "input_audio": {"data": Base.question, "format": "wav"}}

    def heard(self, raw):
        return self.client.audio.transcriptions.create(model="whisper-1", file=("answer.wav", raw)).text


class Whole(Base):
    """Gateway, router and text in one process, the rest in its children."""

    def test_an_unmodified_client_gets_a_spoken_answer(self):
        answer = self.client.chat.completions.create(**request(), modalities=BOTH, audio=AUDIO)
        message = answer.choices[0].message
        self.assertIsNone(message.content)
        self.assertTrue(message.audio.id.startswith("audio_"))
        self.assertGreater(answer.usage.completion_tokens, 0)
        rate, samples = wav_samples(base64.b64decode(message.audio.data))
        self.assertEqual(rate, 24000)
        self.assertGreater(loud(samples), 300, "it is silent")
        spoken, written = words(self.heard(base64.b64decode(message.audio.data))), words(message.audio.transcript)
        self.assertTrue(set(spoken) & set(written), (spoken, written))
        plain = self.client.chat.completions.create(**request())
        self.assertEqual(plain.choices[0].message.content, message.audio.transcript, "the transcript is the text")
        self.assertIsNone(plain.choices[0].message.audio)

    def test_a_streamed_answer_has_its_transcript_and_its_speech(self):
        body = request(max_tokens=64, ignore_eos=True)
        ignore_eos = body.pop("ignore_eos")
        stream = self.client.chat.completions.create(**body, modalities=BOTH, audio={"voice": "alloy", "format": "pcm16"}, stream=True,
                                                     stream_options={"include_usage": True}, extra_body={"ignore_eos": ignore_eos})
        ids, text, sound, finish, usage, expires = set(), "", b"", None, None, None
        for chunk in stream:
            usage = chunk.usage or usage
            if not chunk.choices:
                continue
            finish = chunk.choices[0].finish_reason or finish
            self.assertIsNone(chunk.choices[0].delta.content)
            audio = (chunk.choices[0].delta.model_extra or {}).get("audio")
            if not audio:
                continue
            self.assertIsNone(finish, "the finish reason comes last")
            ids.add(audio["id"])
            text += audio.get("transcript", "")
            sound += base64.b64decode(audio.get("data", ""))
            expires = audio.get("expires_at", expires)
        self.assertEqual(len(ids), 1)
        self.assertEqual((finish, usage.completion_tokens), ("length", 64))
        self.assertIsNotNone(expires)
        self.assertGreater(loud(numpy.frombuffer(sound, "<i2")), 300)
        self.assertTrue(text)

    def test_every_format(self):
        magic = {"wav": b"RIFF", "mp3": b"", "opus": b"OggS", "flac": b"fLaC", "aac": b"\xff", "pcm16": b""}
        for name, first in magic.items():
            answer = self.client.chat.completions.create(**request(max_tokens=8), modalities=BOTH, audio={"voice": "alloy", "format": name})
            data = base64.b64decode(answer.choices[0].message.audio.data)
            self.assertGreater(len(data), 1000, name)
            self.assertTrue(data.startswith(first), (name, data[:8]))

    def test_speech_in_a_message_is_heard(self):
        answer = self.client.chat.completions.create(**request(self.speech()))
        self.assertEqual(answer.model_extra["zenith"], {"modality_path": ["transcription"]})
        written = self.client.chat.completions.create(**request({"type": "text", "text": SAID}))
        if self.heard(base64.b64decode(Base.question)) == SAID:
            self.assertEqual(answer.usage.prompt_tokens, written.usage.prompt_tokens)
            self.assertEqual(answer.choices[0].message.content, written.choices[0].message.content)

    def test_what_is_refused_names_the_field(self):
        def audio(data="AAAA", form="wav"):
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}

        spoken = {"modalities": BOTH}
        cases = [(request(modalities=BOTH), "audio", 400), (request(audio=AUDIO), "audio", 400), (request(modalities=["audio"], audio=AUDIO), "modalities", 400),
                 (request(**spoken, audio={"voice": "nobody", "format": "wav"}), "audio.voice", 400),
                 (request(**spoken, audio={"voice": "alloy", "format": "ogg"}), "audio.format", 400),
                 (request(**spoken, audio=AUDIO, stream=True), "audio.format", 400), (request(**spoken, audio=AUDIO, n=2), "n", 400),
                 (request(**spoken, audio={**AUDIO, "speed": 2}), "audio.speed", 400), (request(modalities=["text", "video"]), "modalities", 400),
                 (request(audio("!!!")), "messages[0].content[1].input_audio.data", 400),
                 (request(audio(form="ogg")), "messages[0].content[1].input_audio.format", 400),
                 (request(audio()), "messages[0].content[1]", 400)]
        for body, param, status in cases:
            answer = self.post(body)
            self.assertEqual((answer.status_code, answer.json()["error"]["param"]), (status, param), answer.text)
        self.assertEqual(self.post(request(modalities=["text"], max_tokens=1)).status_code, 200)

    def test_a_receipt_is_given_when_it_is_asked_for(self):
        asked = {"X-Zenith-Receipt": "1", "X-Request-Id": "mine-1"}
        zenith = self.post(request(max_tokens=2), **asked).json()["zenith"]
        self.assertEqual(zenith["request_id"], "mine-1")
        hop, = zenith["receipt"]
        self.assertEqual((hop["hop"], hop["model"], hop["attempt"], hop["completion_tokens"]), ("text", "smollm2-135m", 1, 2))
        self.assertEqual((hop["bytes"], hop["copies"]), (0, 0), "nothing left the process")
        self.assertGreater(hop["compute_us"], 0)
        self.assertGreaterEqual(hop["total_us"], hop["queue_us"] + hop["compute_us"] - 1000)
        self.assertRegex(hop["generation"], "^[0-9a-f]{16}$")
        seen = self.post({"image": file_url("sign.png")}, "/v1/vision/ocr", **asked).json()["zenith"]["receipt"]
        self.assertEqual([h["hop"] for h in seen], ["ocr"])
        self.assertGreater(seen[0]["compute_us"], 1000)
        self.assertGreater(seen[0]["bytes"], 1000, "the picture went to another process")
        vectors = self.post({"model": "minilm-l6", "input": "hello"}, "/v1/embeddings", **asked).json()["zenith"]["receipt"]
        self.assertEqual(([h["hop"] for h in vectors], vectors[0]["compute_us"] > 0), (["embedding"], True))
        tokens = self.post({"content": "hello"}, "/tokenize", **asked).json()["zenith"]["receipt"]
        self.assertEqual([h["hop"] for h in tokens], ["tokens"])
        wav = base64.b64decode(self.speech()["input_audio"]["data"])
        said = httpx.post(self.url + "/v1/audio/transcriptions", data={"model": "whisper-1", "response_format": "text"}, files={"file": wav},
                          headers=asked, timeout=120)
        self.assertEqual([h["hop"] for h in json.loads(said.headers["X-Zenith-Receipt"])["receipt"]], ["transcription"])
        refused = self.post(request(image(), model="nobody"), **asked)
        self.assertEqual((refused.status_code, refused.json()["zenith"]["receipt"]), (404, []))
        self.assertNotIn("zenith", self.post(request(max_tokens=1)).json())

    def test_metrics_count_the_stages(self):
        self.post(request(image(), max_tokens=1))
        end = time.monotonic() + 10
        while time.monotonic() < end:
            text = self.placement.get("/metrics")[1].decode()
            if 'zenith_stage_busy_seconds_total{stage="ocr"}' in text and 'zenith_stage_requests_total{stage="text"}' in text:
                return
            time.sleep(0.05)
        self.fail(text)


class Apart(Base):
    """Each service in a process of its own."""
    order = [("gateway", "gateway"), ("router", "router"), ("text", "text"), ("speaks", "voice", "--id", "speaks"),
             ("hears", "voice", "--id", "hears"), ("sees", "vision"), ("senses", "sensor")]

    def everything(self, *more, **fields):
        return request(image(), sensor(), self.speech(), *more, modalities=BOTH, audio=AUDIO, **fields)

    def check_trace(self, trace_id, parent, services):
        spans = self.collector.trace(trace_id, least=1 + 2 * len(services))
        root, = [s for s in spans.values() if s["resource"]["service.instance.id"] == "gateway" and s["kind"] == 2]
        self.assertEqual((root["parentSpanId"], root["name"]), (parent, "POST /v1/chat/completions"))
        for span in spans.values():
            if span is root:
                continue
            above = spans[span["parentSpanId"]]
            self.assertIn(span["kind"], (2, 3))
            if span["kind"] == 3:
                self.assertIs(above, root)
            else:
                self.assertEqual((above["kind"], above["attributes"]["zenith.service"]), (3, span["resource"]["service.instance.id"]))
            self.assertTrue(int(above["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <=
                            int(above["endTimeUnixNano"]), (span, above))
        worked = {s["resource"]["service.instance.id"] for s in spans.values()} - {"gateway"}
        self.assertEqual({name.split(":")[0] for name in worked}, services)
        return root

    def test_one_request_over_all_services(self):
        trace_id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        answer = self.post(self.everything(), **{"X-Zenith-Receipt": "1", "traceparent": f"00-{trace_id}-{parent}-01"})
        self.assertEqual(answer.status_code, 200, answer.text)
        body = answer.json()
        self.assertEqual(body["zenith"]["modality_path"], ["ocr", "sensor", "transcription"])
        rate, samples = wav_samples(base64.b64decode(body["choices"][0]["message"]["audio"]["data"]))
        self.assertGreater(loud(samples), 300)
        receipt = body["zenith"]["receipt"]
        print(json.dumps(receipt, indent=1))
        by = {hop["hop"]: hop for hop in receipt}
        self.assertEqual(set(by), {"ocr", "sensor", "transcription", "text", "speech"})
        self.assertEqual({name: hop["service"].split(":")[0] for name, hop in by.items()},
                         {"ocr": "sees", "sensor": "senses", "transcription": "hears", "text": "text", "speech": "speaks"})
        for hop in receipt:
            self.assertGreater(hop["bytes"], 0, "each is another process")
            self.assertNotIn("error", hop)
            self.assertLessEqual(hop["queue_us"] + hop["compute_us"] + hop["transfer_us"], hop["total_us"] + 2000)
        self.assertGreater(by["ocr"]["bytes"], len(base64.b64decode(file_url("sign.png").split(",")[1])))
        self.assertGreaterEqual(by["transcription"]["copies"], 1, "a file of that size goes through shared memory")
        mine = answer.headers["traceparent"].split("-")
        self.assertEqual((mine[1], mine[3]), (trace_id, "01"))
        root = self.check_trace(trace_id, parent, {"sees", "senses", "hears", "text", "speaks"})
        self.assertEqual(root["spanId"], mine[2])

    def test_a_stream_ends_with_its_receipt(self):
        body = request(image(), modalities=BOTH, audio={"voice": "alloy", "format": "pcm16"}, stream=True, max_tokens=8)
        chunks = []
        with httpx.stream("POST", self.url + "/v1/chat/completions", json=body, timeout=300, headers={"X-Zenith-Receipt": "1"}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    chunks.append(json.loads(line[6:]))
        self.assertEqual([i for i, c in enumerate(chunks) if "zenith" in c], [len(chunks) - 1])
        self.assertEqual([h["hop"] for h in chunks[-1]["zenith"]["receipt"]][:2], ["ocr", "text"])
        self.assertEqual({h["hop"] for h in chunks[-1]["zenith"]["receipt"]}, {"ocr", "text", "speech"})

    def test_without_a_trace_of_the_client_one_is_begun_and_not_sampled_is_respected(self):
        answer = self.post(request(max_tokens=1))
        _, trace_id, span, flags = answer.headers["traceparent"].split("-")
        self.assertEqual(flags, "01")
        spans = self.collector.trace(trace_id, least=3)
        self.assertNotIn("parentSpanId", spans[span])
        quiet = "0af7651916cd43dd8448eb211c80319c"
        answer = self.post(request(max_tokens=1), traceparent=f"00-{quiet}-00f067aa0ba902b7-00")
        self.assertEqual(answer.headers["traceparent"].split("-")[1], quiet)
        later = self.post(request(max_tokens=1)).headers["traceparent"].split("-")[1]
        self.collector.trace(later)
        self.assertFalse([s for s in self.collector.spans if s["traceId"] == quiet])

    def test_a_bad_part_ends_the_request_by_its_place(self):
        bomb = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png(30000, 30000)).decode()}}
        noise = {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"this is no sound").decode(), "format": "wav"}}
        for part, status, says in ((bomb, 413, "the picture could not be read"), (noise, 400, "the audio could not be read"),
                                   (sensor(name="host.nothing"), 404, "sensor 'host.nothing' is not known")):
            answer = self.post(request(part, modalities=BOTH, audio=AUDIO))
            self.assertEqual(answer.status_code, status, answer.text)
            self.assertIn(says, answer.json()["error"]["message"])
        self.wait_idle()

    def test_a_client_that_leaves_frees_everything(self):
        for at in (0.05, 0.4, 1.0, 2.0):
            with socket.create_connection(("127.0.0.1", self.port)) as client:
                body = json.dumps(self.everything(image("page.png"), max_tokens=400, ignore_eos=True)).encode()
                client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                               str(len(body)).encode() + b"\r\n\r\n" + body)
                time.sleep(at)
            self.wait_idle()
        self.assertEqual(self.post(request(max_tokens=1)).status_code, 200)

    def test_each_service_that_is_gone_is_named_and_the_others_go_on(self):
        """Also begun work: the kill comes while the request runs."""
        models = {"sees": "ppocr-v4", "senses": "host.memory", "hears": "whisper-base", "speaks": "piper-joe", "text": "smollm2-135m"}
        for name in models:
            process = self.placement.processes[name]
            with concurrent.futures.ThreadPoolExecutor() as pool:
                running = pool.submit(self.post, self.everything(image("page.png"), max_tokens=200))
                time.sleep(0.3)
                process.kill(signal.SIGKILL)
                process.popen.wait()
                answer = running.result()
            if answer.status_code != 200:
                self.assertEqual(answer.status_code, 503, answer.text)
                self.assertRegex(answer.json()["error"]["message"], f"{name}|{models[name]}")
            end = time.monotonic() + 30
            while time.monotonic() < end:
                answer = self.post(self.everything(max_tokens=1))
                if answer.status_code != 200:
                    break
            error = answer.json()["error"]
            self.assertIn(answer.status_code, (503, 404), answer.text)
            self.assertRegex(error["message"], f"{name}|{models[name]}|nothing here speaks")
            print(f"without {name}: {answer.status_code} {error['code']}: {error['message']}")
            if name != "text":
                self.assertEqual(self.post(request(max_tokens=1)).status_code, 200, "what does not need it goes on")
            process.start()
            self.wait_services()
            self.wait_idle()
        self.assertEqual(self.post(self.everything(max_tokens=4)).status_code, 200)


class Recording(unittest.TestCase):
    def test_what_is_not_written_down_is_left_out_of_a_replay(self):
        media = {"request": "generate", "id": 1, "order": 1, "choices": 1, "staged_parts": 2}
        done = {"event": "finished", "id": 1, "usage": {"prompt_tokens": 1, "completion_tokens": 0}}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "session.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in ({"zenith_recording": 1}, media, done)))
            self.assertEqual(replay.replay(file, "http://127.0.0.1:1", 1),
                             {"recorded": 1, "media": 1, "sent": 0, "equal": 0, "different": []})


class Collectors(unittest.TestCase):
    """A collector that refuses, hangs or is not there costs nobody anything."""

    def serve(self, endpoint):
        return placements.Placement(placements.IPC + f'[trace]\nendpoint = "{endpoint}"\n')

    def ask(self, placement, count):
        for _ in range(count):
            status, _, headers = placement.post("/v1/chat/completions", request(max_tokens=1), timeout=60)
            self.assertEqual(status, 200)
            self.assertTrue(headers["traceparent"])

    def metric(self, placement, name):
        for line in placement.get("/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return 0

    def wait_dropped(self, placement, least):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.metric(placement, "zenith_trace_spans_dropped_total") >= least:
                return
            time.sleep(0.1)
        self.fail(placement.get("/metrics")[1].decode())

    def test_one_that_refuses(self):
        with Collector(status=503) as collector, self.serve(collector.url) as placement:
            self.ask(placement, 3)
            self.wait_dropped(placement, 9)
            collector.status = 200
            self.ask(placement, 1)
            end = time.monotonic() + 20
            while time.monotonic() < end and not collector.spans:
                time.sleep(0.05)
            self.assertEqual(len(collector.spans), 3)

    def test_one_that_is_not_there(self):
        with self.serve(f"http://127.0.0.1:{placements.free_port()}/v1/traces") as placement:
            self.ask(placement, 2)
            self.wait_dropped(placement, 6)
        self.assertEqual(placement.codes, {"zenith": 0})

    def test_one_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            with self.serve(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces") as placement:
                self.ask(placement, 5)
                started = time.monotonic()
            self.assertEqual(placement.codes, {"zenith": 0})
            self.assertLess(time.monotonic() - started, 30, "it holds the end up")

    def test_an_endpoint_that_is_no_url_is_refused(self):
        self.assertIsNotNone(os.environ.get("PATH"))
        process = placements.Process("wrong", ["--print-config"], {"ZENITH_TRACE_ENDPOINT": "localhost:4318"})
        self.assertNotEqual(process.end(), 0)
        time.sleep(0.2)
        self.assertIn("trace.endpoint", "".join(process.lines))


if __name__ == "__main__":
    unittest.main()
