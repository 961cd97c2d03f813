"""A spoken question of 3 to 3.6 s, answered in sound: how long after its true end the reply begins, and where the time goes.

usage: ZENITH_EXE=build/release/bin/zenith spoken_question.py [--runs 12] [--anyway]   Prints JSON.
A run is a conversation of its own over /v1/realtime with a question of its own, said by piper-joe in real time in appends of 20 ms. The true
end is the question's last sample above -40 dBFS, so the silence that ends a turn (500 ms) counts. Phases, in ms, each from the one before:
vad (speech_stopped), transcription (its words are there: 0 when they were there before the turn was over), first_token, first_audio.
silence: how much of the reply is below -40 dBFS before it is heard; not in total. The first run warms up and is not counted.
Other programs may use up to 10 % of the cores: above, there is no result (status 2) unless --anyway.
"""
import argparse
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import statistics
import sys
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import placements  # noqa: E402
import realtime_test  # noqa: E402
from realtime_test import RATE, session  # noqa: E402

CONFIG = placements.IPC + "".join(f'[[service]]\nrole = "voice"\nid = "{id}"\nmodel = "{model}"\n'
                                  for id, model in (("voice", "piper-joe"), ("hear", "whisper-base")))
QUESTIONS = ["What is the capital of France, and what is the city most famous for?", "Can you tell me how many people live in the north of Norway today?",
             "Why is the sky blue in the morning and red when the sun goes down?", "Who wrote the first great book about the long history of Rome?",
             "How do small birds find their way home over the wide open sea?", "What should I cook for dinner with some rice and a few tomatoes?",
             "Where can I see the northern lights in the middle of the winter?", "How long does it usually take to fly from London to New York?",
             "Which animals sleep during the day and go out to hunt at night?", "What would be the best way to learn how to play the piano well?",
             "When did people first begin to use money instead of plain trade?", "How can I keep all my plants alive when I am away on a holiday?",
             "What is it that makes the leaves of a tree turn red in autumn?"]
FOREIGN_LIMIT, AUDIBLE = 0.10, 328
PHASES = {"vad": "input_audio_buffer.speech_stopped", "transcription": "conversation.item.input_audio_transcription.completed",
          "first_token": "response.output_audio_transcript.delta", "first_audio": "response.output_audio.delta"}


def cpu_seconds(root):
    """(busy of the whole machine, used by this process, `root` and what they started)."""
    tick = os.sysconf("SC_CLK_TCK")
    busy = sum(int(x) for i, x in enumerate(open("/proc/stat").readline().split()[1:9]) if i not in (3, 4)) / tick
    parents, used = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            parents[int(path.parent.name)] = int(fields[1])
            used[int(path.parent.name)] = sum(int(x) for x in fields[11:13]) / tick
    def ours(pid):
        while pid > 1 and pid not in (root, os.getpid()):
            pid = parents.get(pid, 0)
        return pid > 1
    return busy, sum(seconds for pid, seconds in used.items() if ours(pid))


class Load:
    """What others used of the cores since it was made."""

    def __init__(self, root):
        self.root, self.began, self.before = root, time.monotonic(), cpu_seconds(root)

    def foreign(self):
        busy, used = (now - then for now, then in zip(cpu_seconds(self.root), self.before))
        return max(0.0, busy - used) / ((time.monotonic() - self.began) * os.cpu_count())


async def ask(port, said):
    audible = numpy.flatnonzero(numpy.abs(said.astype(int)) > AUDIBLE)
    said = said[max(0, audible[0] - RATE // 10) :]
    seconds = float(audible[-1] + 1 - max(0, audible[0] - RATE // 10)) / RATE
    async with realtime_test.talk(port) as t:
        await t.send(session(max_output_tokens=40, audio={"input": {"transcription": {"model": "whisper-base", "language": "en"}}}))
        await t.until("session.updated", 10)
        lead = numpy.zeros(RATE // 2, "<i2")
        speaking = asyncio.create_task(realtime_test.Realtime.say(t, numpy.concatenate([lead, said, numpy.zeros(2 * RATE, "<i2")])))
        _, last, first_sound = await t.until("response.output_audio.delta", 60)
        begins = {kind: at for at, kind in reversed([(at, e["type"]) for at, e in t.events])}
        await t.send({"type": "response.cancel"})
        began = await speaking
    at, phases = began + len(lead) / RATE + seconds, {}
    for name, kind in PHASES.items():
        phases[name] = round(1000 * max(0.0, begins[kind] - at), 1)
        at = max(at, begins[kind])
    sound = numpy.frombuffer(base64.b64decode(first_sound["delta"]), "<i2").astype(int)
    silence = int(numpy.argmax(numpy.abs(sound) > AUDIBLE)) if numpy.any(numpy.abs(sound) > AUDIBLE) else len(sound)
    return {"question_s": round(seconds, 2), **phases, "total": round(1000 * (last - began - len(lead) / RATE - seconds), 1),
            "silence": round(1000 * silence / RATE, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--anyway", action="store_true", help="whatever else runs on this machine")
    options = parser.parse_args()
    with placements.Placement(CONFIG) as placement:
        placement.wait_ready(wanted=4, seconds=300)
        speaker = realtime_test.Realtime()
        speaker.port = placement.port
        said = [speaker.speech(question) for question in QUESTIONS]
        zenith = placement.processes["zenith"].popen.pid
        runs = []
        for i in range(options.runs + 1):
            load = Load(zenith)
            run = asyncio.run(ask(placement.port, said[i % len(said)]))
            run["foreign_load"] = round(load.foreign(), 3)
            print(run, file=sys.stderr)
            runs.append(run)
            if run["foreign_load"] > FOREIGN_LIMIT and not options.anyway:
                print(f"other programs used {run['foreign_load']:.0%} of the cores, more than {FOREIGN_LIMIT:.0%}: no result (--anyway)", file=sys.stderr)
                return 2
    counted = runs[1:]
    print(json.dumps({"unit": "ms", "goal_total": 1500, "runs": counted, "foreign_load_worst": max(run["foreign_load"] for run in counted),
                      "median": {key: statistics.median(run[key] for run in counted) for key in (*PHASES, "total", "silence", "question_s")}}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
