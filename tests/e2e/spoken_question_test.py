"""A question that is spoken and answered in sound: ears, mind and voice in one conversation, with the unmodified openai client."""
import asyncio
import base64
import contextlib
import difflib
import sys
import time
import unittest

import httpx
import numpy
import openai

import placements
import realtime_test
from realtime_test import RATE, from_onset, session
from words import distance, words

CONFIG = placements.IPC + "".join(f'[[service]]\nrole = "voice"\nid = "{id}"\nmodel = "{model}"\n'
                                  for id, model in (("voice", "piper-joe"), ("hear", "whisper-base")))
QUESTION = "What is the capital of France, and what is it famous for?"
TURN = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "conversation.item.added",
        "conversation.item.done", "response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added"]
HEARD = "conversation.item.input_audio_transcription.completed"
SILENCE = numpy.zeros(RATE, "<i2")


class Client(realtime_test.Talk):
    """The same, through openai's own connection and its event types."""

    async def read(self):
        async for event in self.socket:
            self.events.append((time.monotonic(), event.to_dict()))
            self.news.set()

    async def send(self, *events):
        for event in events:
            await self.socket.send(event)

    async def say(self, samples):
        """As a microphone gives it. Gives when the first sample was said."""
        step, began = RATE // 50, time.monotonic()
        for i in range(0, len(samples), step):
            await asyncio.sleep(max(0.0, began + (i + step) / RATE - time.monotonic()))
            await self.socket.input_audio_buffer.append(audio=base64.b64encode(samples[i : i + step].tobytes()).decode())
        return began

    def sound(self, response):
        return numpy.frombuffer(b"".join(base64.b64decode(e["delta"]) for _, e in self.events if e["type"] == "response.output_audio.delta"
                                         and e["response_id"] == response["id"]), "<i2")


def wav(samples):
    header = b"RIFF" + (36 + 2 * len(samples)).to_bytes(4, "little") + b"WAVEfmt " + b"".join(
        n.to_bytes(size, "little") for n, size in ((16, 4), (1, 2), (1, 2), (RATE, 4), (2 * RATE, 4), (2, 2), (16, 2)))
    return header + b"data" + (2 * len(samples)).to_bytes(4, "little") + samples.tobytes()


class SpokenQuestion(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.placement = placements.Placement(CONFIG)
        cls.placement.__enter__()
        cls.placement.wait_ready(wanted=4, seconds=300)
        cls.port = cls.placement.port

    @classmethod
    def tearDownClass(cls):
        cls.placement.__exit__()
        assert cls.placement.codes == {"zenith": 0}, cls.placement.codes

    speech = realtime_test.Realtime.speech

    @contextlib.asynccontextmanager
    async def talk(self, **fields):
        client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", websocket_base_url=f"ws://127.0.0.1:{self.port}/v1",
                                    api_key="none", max_retries=0)
        async with client.realtime.connect(model="smollm2-135m") as connection:
            t = Client(connection)
            audio = {"input": {"transcription": {"model": "whisper-base", "language": "en"}, **fields.pop("input", {})}}
            await t.send(session(audio=audio, **fields))
            await t.until("session.updated", 10)
            yield t
            t.reader.cancel()

    def hear(self, samples):
        answer = httpx.post(f"http://127.0.0.1:{self.port}/v1/audio/transcriptions", files={"file": ("said.wav", wav(samples))},
                            data={"model": "whisper-base", "language": "en"}, timeout=120)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()["text"]

    def check_answer(self, t, done):
        """Its sound is its words."""
        self.assertIn(done["response"]["status"], ("completed", "incomplete"), done)
        told, sound = done["response"]["output"][0]["content"][0]["transcript"], t.sound(done["response"])
        self.assertGreater(numpy.sqrt(numpy.mean(sound.astype(float) ** 2)), 300, "it is silent")
        heard = self.hear(sound)
        wrong, count = distance(words(told), words(heard)), len(words(told))
        alike = difflib.SequenceMatcher(None, " ".join(words(told)), " ".join(words(heard)), autojunk=False).ratio()
        print(f"answered: {told!r}, heard again: {heard!r}, {wrong} of {count} words wrong, letters {alike:.0%}", file=sys.stderr)
        self.assertGreaterEqual(count, 4)
        self.assertLessEqual(wrong, max(2, count // 2), "the model makes words up, and 'France is' may be 'Francis'")
        self.assertGreater(alike, 0.75)

    def check_transcript(self, t, text, after=0):
        told = next(e["transcript"] for _, e in t.events[after:] if e["type"] == HEARD)
        self.assertLessEqual(distance(words(text), words(told)), 1, (text, told))

    async def test_a_question_is_heard_and_answered_in_sound(self):
        question = self.speech(QUESTION)
        async with self.talk(max_output_tokens=24) as t:
            before = len(t.events)
            await t.say(numpy.concatenate([SILENCE[: RATE // 2], question, SILENCE]))
            _, _, done = await t.until("response.done", 120, before)
            types = realtime_test.without_repeats(t.types(before))
            told = [kind for kind in types if not kind.startswith("conversation.item.input_audio_transcription")]
            self.assertEqual(told[: len(TURN)], TURN)
            self.assertEqual(types.count(HEARD), 1)
            self.assertTrue(types.index("conversation.item.done") < types.index(HEARD) < types.index("response.output_item.added"), types)
            self.assertEqual(types[-6:], realtime_test.AUDIO_ENDS)
            self.check_transcript(t, QUESTION, before)
            self.check_answer(t, done)

    async def test_a_question_is_committed_by_the_client(self):
        question = self.speech(QUESTION)
        async with self.talk(max_output_tokens=24, input={"turn_detection": None}) as t:
            before = len(t.events)
            await t.say(question)
            self.assertEqual(t.types(before), [], "nothing is said before the commit")
            await t.socket.input_audio_buffer.commit()
            await t.until("conversation.item.done", 10, before)
            self.assertEqual(t.types(before)[:3], ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"])
            await t.socket.response.create()
            _, _, done = await t.until("response.done", 120, before)
            self.check_transcript(t, QUESTION, before)
            self.check_answer(t, done)

    async def test_a_second_question_over_the_answer_is_answered_instead(self):
        first, second = self.speech("Please tell me a long story about a dragon."), from_onset(self.speech("No, tell me about the sea."))
        async with self.talk(instructions="Talk at length.", max_output_tokens=400) as t:
            before = len(t.events)
            await t.say(numpy.concatenate([SILENCE[: RATE // 2], first, SILENCE[: RATE * 7 // 10]]))
            await t.until("response.output_audio.delta", 120, before)
            before = len(t.events)
            onset = await t.say(second)
            _, _, done = await t.until("response.done", 20, before)
            _, heard, _ = await t.until("input_audio_buffer.speech_started", 1, before)
            self.assertEqual((done["response"]["status"], done["response"]["status_details"]["reason"]), ("cancelled", "turn_detected"))
            await t.say(SILENCE)
            last = max(at for at, e in t.events if e["type"] == "response.output_audio.delta" and e["response_id"] == done["response"]["id"])
            print(f"after the onset: speech_started {1000 * (heard - onset):.0f} ms, last delta {1000 * (last - onset):.0f} ms", file=sys.stderr)
            self.assertLess(heard - onset, 0.15)
            self.assertLess(last - onset, 0.15)

            item = done["response"]["output"][0]
            told, sound = item["content"][0]["transcript"], t.sound(done["response"])
            played = 500 * len(sound) // RATE  # half of what came, in ms
            await t.socket.conversation.item.truncate(item_id=item["id"], content_index=0, audio_end_ms=played)
            _, _, truncated = await t.until("conversation.item.truncated", 10, before)
            self.assertEqual(truncated["audio_end_ms"], played)
            await t.socket.conversation.item.retrieve(item_id=item["id"])
            _, _, kept = await t.until("conversation.item.retrieved", 10, before)
            kept = kept["item"]["content"][0]["transcript"]
            self.assertTrue(told.startswith(kept) and len(kept) < len(told), (kept, told))

            created, _, answer = await t.until("response.created", 60, before)
            self.assertNotEqual(answer["response"]["id"], done["response"]["id"])
            await t.until("response.output_audio.delta", 120, created)
            self.check_transcript(t, "No, tell me about the sea.", before)
            await t.send({"type": "response.cancel"})
            await t.until("response.done", 10, created)


if __name__ == "__main__":
    unittest.main()
