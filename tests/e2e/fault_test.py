"""Faults of real processes: an accepted request ends in exactly one of complete, explicit error, or cancelled by the client; tokens
already sent are never changed or repeated; no fault of one service changes another request's output.

With --kills N --json this is also the benchmark: N kills and N hangs under load, and what they cost a stream.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import unittest

import placements

TINY = pathlib.Path(__file__).parent.parent / "data/parity/tiny-llama.gguf"
CONFIG = (f'[[service]]\nrole = "router"\nid = "router"\n[[service]]\nrole = "text"\nid = "text"\nmodel = "{TINY}"\n'
          '[[service]]\nrole = "gateway"\nid = "gateway"\n')
KILLS = 6


def body(i, tokens=100):
    return {"model": str(TINY), "prompt": f"the {i}th of many", "max_tokens": tokens, "temperature": 0.7, "seed": i, "ignore_eos": True}


class Reader:
    """Streams one answer; keeps its text and when its pieces came."""

    def __init__(self, placement, i, tokens=100):
        self.text, self.times, self.error, self.finish = "", [], None, None
        for seconds, chunk in placement.stream("/v1/completions", body(i, tokens)):
            if "error" in chunk:
                self.error = chunk["error"]
                return
            for choice in chunk.get("choices", []):
                self.text += choice.get("text") or ""
                self.finish = choice.get("finish_reason") or self.finish
            self.times.append(seconds)

    def longest_pause(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0)


def until(seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def at_work(placement):
    """@returns how much the services have before them, in requests, or inputs of embeddings."""
    return sum(s["queue"] + s["running"] for s in json.loads(placement.get("/v1/system")[1])["services"])


def undisturbed(placement, count, tokens=100):
    readers = [Reader(placement, i, tokens) for i in range(count)]
    assert all(r.finish == "length" for r in readers), [(r.error, r.finish, r.text) for r in readers]
    return [r.text for r in readers]


def strike_under_load(placement, strikes, strike, mend, readers=3, seed=1):
    """Readers stream all the time while `strike(name)` hits a text service; @returns what they read, and pauses in seconds."""
    want = undisturbed(placement, 8)
    chance, stop, wrong, pauses, errors = random.Random(seed), threading.Event(), [], [], []
    lock = threading.Lock()

    def read(start):
        i = start
        while not stop.is_set():
            i = (i + 1) % 8
            got = Reader(placement, i)
            with lock:
                if got.error:
                    errors.append(got.error)
                elif got.text != want[i]:
                    wrong.append((i, want[i], got.text))
                pauses.append(got.longest_pause())

    threads = [threading.Thread(target=read, args=(n,)) for n in range(readers)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(strikes):
            name = chance.choice(["text0", "text1"])
            time.sleep(chance.uniform(0.02, 0.1))
            strike(name)
            mend(name)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    return wrong, errors, pauses


def kill_and_restart(placement):
    def strike(name):
        placement.processes[name].restart()

    def mend(_):
        placement.wait_ready(2)
    return strike, mend


def hang_and_wake(placement, seconds=0.6):
    def strike(name):
        placement.processes[name].kill(signal.SIGSTOP)

    def mend(name):
        time.sleep(seconds)
        placement.processes[name].kill(signal.SIGCONT)
        time.sleep(0.3)
    return strike, mend


class FaultTest(unittest.TestCase):
    def placement(self, texts=2, config=CONFIG):
        placement = placements.three_processes(texts, config)
        self.enterContext(placement)
        placement.wait_ready(texts)
        return placement

    def check(self, outcome):
        wrong, errors, pauses = outcome
        self.assertEqual(wrong, [])
        self.assertEqual(errors, [])
        self.assertGreater(len(pauses), 0)

    def test_fault_1_kill_9_of_a_text_service_under_load_changes_no_answer(self):
        placement = self.placement()
        self.check(strike_under_load(placement, KILLS, *kill_and_restart(placement)))

    def test_fault_2_a_hung_text_service_under_load_changes_no_answer(self):
        placement = self.placement()
        self.check(strike_under_load(placement, 3, *hang_and_wake(placement)))

    def test_fault_2_a_service_without_a_replica_that_stops_for_three_seconds_goes_on(self):
        placement = self.placement(1)
        want, text = Reader(placement, 1, 400).text, ""
        stream = placement.stream("/v1/completions", body(1, 400))
        text += next(stream)[1]["choices"][0]["text"]
        text0 = placement.processes["text0"]
        text0.kill(signal.SIGSTOP)
        wake = threading.Timer(3, lambda: text0.kill(signal.SIGCONT))
        wake.start()
        for _, chunk in stream:
            self.assertNotIn("error", chunk)
            text += "".join(choice.get("text") or "" for choice in chunk["choices"])
        self.assertEqual(text, want)

    def test_the_directory_dies_and_comes_back_and_nobody_notices(self):
        placement = self.placement()
        want = undisturbed(placement, 2)
        placement.processes["router"].restart()
        self.assertEqual(undisturbed(placement, 2), want)
        placement.processes["router"].kill()
        placement.processes["router"].popen.wait()
        self.assertEqual(undisturbed(placement, 2), want, "what was found stays in force")
        placement.processes["router"].start()

    def test_fault_3_the_only_service_is_gone_503_names_it_and_it_rejoins_by_itself(self):
        placement = self.placement(texts=1)
        placement.processes["text0"].kill()
        placement.processes["text0"].popen.wait()
        end = time.monotonic() + 5
        while True:
            status, answer, headers = placement.post("/v1/completions", body(1))
            if status != 200 or time.monotonic() > end:
                break
        self.assertEqual(status, 503, answer)
        self.assertIn("text", answer["error"]["message"])
        self.assertTrue(headers["Retry-After"])
        placement.processes["text0"].start()
        placement.wait_ready(1)
        self.assertEqual(placement.post("/v1/completions", body(1))[0], 200)

    def test_fault_38_sigterm_of_a_text_service_under_load_fails_no_request(self):
        placement = self.placement()
        want = undisturbed(placement, 8)
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append((i, Reader(placement, i)))) for i in range(8)]
        for thread in threads:
            thread.start()
        placement.processes["text0"].kill(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        self.assertEqual(placement.processes["text0"].end(), 0)
        for i, got in results:
            self.assertIsNone(got.error)
            self.assertEqual(got.text, want[i])

    def test_fault_41_the_gateway_restarts_and_the_services_are_still_warm(self):
        placement = self.placement()
        before = undisturbed(placement, 1)
        pids = [placement.processes[n].popen.pid for n in ("text0", "text1")]
        placement.processes["gateway"].restart()
        placement.wait_ready(2)
        self.assertEqual(undisturbed(placement, 1), before)
        self.assertEqual([placement.processes[n].popen.pid for n in ("text0", "text1")], pids)

    def test_fault_18_a_client_that_leaves_frees_everything_in_the_other_process(self):
        placement = self.placement()
        stream = placement.stream("/v1/completions", body(1, 2000))
        next(stream)
        stream.close()
        for _ in range(100):
            system = json.loads(placement.get("/v1/system")[1])
            if sum(link["open_requests"] for link in system["links"]) == 0:
                break
            time.sleep(0.05)
        self.assertEqual([link["open_requests"] for link in system["links"]], [0] * len(system["links"]))
        deadline = time.monotonic() + 10
        while any(s["running"] for s in system["services"]) and time.monotonic() < deadline:
            time.sleep(0.2)
            system = json.loads(placement.get("/v1/system")[1])
        self.assertEqual(sum(s["running"] for s in system["services"]), 0)

    def test_fault_18_embeddings_that_nobody_waits_for_are_not_computed_to_their_end(self):
        config = CONFIG.replace(str(TINY), "minilm-l6")
        placement = self.placement(1, config)
        big = json.dumps({"model": "minilm-l6", "input": ["over and over the same words " * 30] * 2000})  # minutes of work
        connection = http.client.HTTPConnection("127.0.0.1", placement.port, timeout=60)
        connection.request("POST", "/v1/embeddings", big, {"Content-Type": "application/json"})
        self.assertTrue(until(60, lambda: at_work(placement) > 100), "the text service does not compute")
        connection.close()
        self.assertTrue(until(60, lambda: at_work(placement) == 0), "the text service computes for nobody")
        status, answer, _ = placement.post("/v1/embeddings", {"model": "minilm-l6", "input": "still here"})
        self.assertEqual((status, len(answer["data"])), (200, 1))

    def test_fault_4_a_service_with_other_weights_is_refused_by_name(self):
        other = TINY.with_name("tiny-llama-rope.gguf")
        with contextlib.ExitStack() as stack:
            placement = stack.enter_context(placements.three_processes(1, CONFIG))
            placement.wait_ready(1)
            # The same name of a model, another file behind it.
            home = placement.root / "home/models/twin"
            home.mkdir(parents=True)
            (home / "twin.gguf").symlink_to(TINY)
            config = placement.root / "twin.toml"
            config.write_text('[[service]]\nrole = "router"\nid = "router"\n[[service]]\nrole = "text"\nid = "one"\nmodel = "twin"\n'
                              '[[service]]\nrole = "text"\nid = "two"\nmodel = "twin"\n')
            environment = {**placement.environment, "ZENITH_HOME": str(placement.root / "home")}
            placement.processes["one"] = placements.Process("one", ["text", "--id", "one", "--config", str(config)], environment)
            placement.wait_ready(2)
            (home / "twin.gguf").unlink()
            (home / "twin.gguf").symlink_to(other)
            placement.processes["two"] = placements.Process("two", ["text", "--id", "two", "--config", str(config)], environment)
            end = time.monotonic() + 30
            detail = ""
            while "other weights" not in detail and time.monotonic() < end:
                detail = " ".join(s["detail"] for s in placement.services()[1]["services"] if s["id"] == "two")
                time.sleep(0.1)
            self.assertIn("other weights of 'twin' than service 'one'", detail)

    def test_fault_39_a_second_process_of_one_id_takes_the_next(self):
        placement = self.placement()
        ids = sorted(s["id"] for s in placement.services()[1]["services"] if s["role"] == "text")
        self.assertEqual(ids, ["text", "text.2"])


def bench(kills):
    """Medians of three runs' 99th percentile of the longest pause of a stream that a strike hit."""
    out = {}
    for name, make in (("kill", kill_and_restart), ("hang", hang_and_wake)):
        p99s, wrong, errors = [], 0, 0
        for run in range(3):
            with placements.three_processes(2, CONFIG) as placement:
                placement.wait_ready(2)
                calm = sorted(Reader(placement, i % 8).longest_pause() for i in range(50))
                w, e, pauses = strike_under_load(placement, kills // 3, *make(placement), seed=run)
            pauses.sort()
            p99s.append(pauses[int(len(pauses) * 0.99) - 1] * 1e3)
            wrong, errors = wrong + len(w), errors + len(e)
        out[f"{name}_pause_p99_ms"] = round(statistics.median(p99s), 1)
        out[f"{name}_pause_p99_ms_runs"] = [round(p, 1) for p in p99s]
        out[f"{name}_calm_pause_p99_ms"] = round(calm[-1] * 1e3, 1)
        out[f"{name}_strikes"] = kills // 3 * 3
        out[f"{name}_wrong_answers"], out[f"{name}_errors"] = wrong, errors
    print(json.dumps(out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options, rest = parser.parse_known_args()
    if options.kills:
        bench(options.kills)
    else:
        unittest.main(argv=[sys.argv[0], *rest])
