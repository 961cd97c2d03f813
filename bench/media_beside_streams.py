#!/usr/bin/env python3
"""Two running streams of text while 10 pictures are read and 10 files of speech are heard: what each costs the other.

    .venv/bin/python bench/media_beside_streams.py [--runs 3] [--gaps 2000] [--anyway] [--out build/bench-media.json]

A run has three parts: the media alone; the streams alone, until so many gaps between tokens are there; both, from the first picture to
the last transcript, again and again until as many gaps are there. Gaps are taken where a client sees them, over both streams.
gap_ratio: the 99th percentile beside media to that without. media_factor: the media's time beside streams to that alone.
A part during which others used more than 10 % of the machine is refused (exit status 3) unless --anyway. Prints JSON on the last line.
"""
import argparse
import base64
import concurrent.futures
import json
import pathlib
import selectors
import socket
import statistics
import sys
import time

import httpx

import foreign_load

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402

CONFIG = placements.IPC + "".join(f'[[service]]\nrole = "{role}"\nid = "{id}"\nmodel = "{model}"\n'
                                  for role, id, model in (("vision", "see", "ppocr-v4"), ("voice", "hear", "whisper-base")))
PICTURES = [ROOT / "tests/data/vision" / name for name in ("ui_page.png", "page.png", "columns.png", "receipt.png", "sign.png")]
SPEECH = ROOT / "tests/data/whisper/speech.flac"
COUNT, TOKENS = 10, 512


class Streams:
    """Two clients in one thread that do nothing but note when tokens come; an ended stream is asked for again."""

    def __init__(self, port, count=2):
        self.port, self.selector = port, selectors.DefaultSelector()
        for number in range(count):
            self.open(number)

    def open(self, number):
        body = json.dumps({"model": "smollm2-135m", "prompt": f"Story {number}: once upon a time", "max_tokens": TOKENS, "ignore_eos": True,
                           "temperature": 0, "stream": True}).encode()
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.selector.register(connection, selectors.EVENT_READ, {"number": number, "last": None})

    def run(self, go_on):
        """@returns the gaps in milliseconds, until go_on(gaps) is false."""
        gaps = []
        while go_on(gaps):
            ready = self.selector.select(60)
            if not ready:
                raise RuntimeError("no token came for 60 s")
            for key, _ in ready:
                data, now, state = key.fileobj.recv(1 << 16), time.perf_counter(), key.data
                for _ in range(data.count(b'"text":')):
                    if state["last"] is not None:
                        gaps.append((now - state["last"]) * 1e3)
                    state["last"] = now
                if data.startswith(b"HTTP/1.1") and b" 200 " not in data[:16]:
                    raise RuntimeError(f"a stream was refused: {data!r}")
                if not data or b"[DONE]" in data:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.open(state["number"])
        return gaps

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def media(url):
    """Reads all pictures and hears all files, two requests of each kind at a time. @returns seconds."""
    def see(i):
        return httpx.post(url + "/v1/vision/ocr", json={"image": pictures[i % len(pictures)]}, timeout=600)

    def hear(_):
        return httpx.post(url + "/v1/audio/transcriptions", files={"file": ("speech.flac", speech)}, timeout=600)

    pictures = ["data:image/png;base64," + base64.b64encode(p.read_bytes()).decode() for p in PICTURES]
    speech = SPEECH.read_bytes()
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(kind, i) for i in range(COUNT) for kind in (see, hear)]
        for job in jobs:
            job.result().raise_for_status()
    return time.monotonic() - started


def measured(part, run):
    with foreign_load.Meter() as meter:
        result = run()
    print(f"  {part}: {meter.wall:.1f} s, {meter.ours / meter.wall:.2f} cores ours, foreign load {meter.foreign:.0%}", file=sys.stderr)
    return result, round(meter.foreign, 3)


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def beside(url, port, gaps_wanted):
    streams, times = Streams(port), []
    streams.run(lambda gaps: len(gaps) < 50)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        batch, gaps = None, []

        def go_on(so_far):
            nonlocal batch
            if batch is not None and batch.done():
                times.append(batch.result())
                batch = None
                if len(so_far) >= gaps_wanted:
                    return False
            if batch is None:
                batch = pool.submit(media, url)
            return True

        gaps = streams.run(go_on)
    streams.close()
    return gaps, times


def alone(port, gaps_wanted):
    streams = Streams(port)
    streams.run(lambda gaps: len(gaps) < 50)
    gaps = streams.run(lambda so_far: len(so_far) < gaps_wanted)
    streams.close()
    return gaps


def one_run(url, port, gaps_wanted):
    media_alone, foreign_media = measured("media alone", lambda: media(url))
    without, foreign_without = measured("streams alone", lambda: alone(port, gaps_wanted))
    (gaps, times), foreign_both = measured("both", lambda: beside(url, port, gaps_wanted))
    result = {"foreign_load": max(foreign_media, foreign_without, foreign_both), "media_alone_s": round(media_alone, 2),
              "media_beside_s": round(statistics.median(times), 2), "media_factor": round(statistics.median(times) / media_alone, 2)}
    for name, values in (("alone", without), ("beside", gaps)):
        result[f"gap_{name}"] = {"count": len(values), **{f"p{int(q * 100)}_ms": round(quantile(values, q), 2) for q in (0.5, 0.9, 0.99)}}
    result["gap_ratio"] = round(quantile(gaps, 0.99) / quantile(without, 0.99), 3)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gaps", type=int, default=2000)
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine too; such figures compare nothing")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench-media.json")
    options = parser.parse_args()
    if why := foreign_load.too_much(options.anyway):
        print(why, file=sys.stderr)
        return 3
    runs = []
    with placements.Placement(CONFIG) as placement:
        placement.wait_ready(wanted=4, seconds=300)
        url = f"http://127.0.0.1:{placement.port}"
        media(url)  # what is made or read once
        for number in range(options.runs):
            print(f"run {number + 1}", file=sys.stderr)
            runs.append(one_run(url, placement.port, options.gaps))
    result = {"runs": runs, **{name: round(statistics.median(r[name] for r in runs), 3) for name in ("gap_ratio", "media_factor")}}
    result["quiet"] = all(r["foreign_load"] <= foreign_load.LIMIT for r in runs)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0 if result["quiet"] or options.anyway else 3


if __name__ == "__main__":
    sys.exit(main())
