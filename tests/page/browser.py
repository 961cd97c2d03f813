"""What the page's tests share: a headless Chromium with a microphone that plays a file, and a page that tells what it sounded."""
import contextlib
import math
import pathlib
import random
import struct
import wave

CHROMIUM = "/usr/bin/chromium"

# Wraps what sounds: each piece with its length and loudness, and how many were stopped before their end.
LISTEN = """
window.sounded = []; window.silenced = 0;
const start = AudioBufferSourceNode.prototype.start, stop = AudioBufferSourceNode.prototype.stop;
AudioBufferSourceNode.prototype.start = function (at) {
  const data = this.buffer.getChannelData(0);
  window.sounded.push({ at, rate: this.buffer.sampleRate, seconds: this.buffer.duration, loud: Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length) });
  return start.apply(this, arguments);
};
AudioBufferSourceNode.prototype.stop = function () { window.silenced++; return stop.apply(this, arguments); };
"""


def write_murmur(path: pathlib.Path, seconds=4, rate=48000):
    """A wav that a microphone's noise suppression lets pass: syllables of a voice's pitch and its harmonics."""
    noise = random.Random(1)
    samples = []
    for i in range(seconds * rate):
        t = i / rate
        pitch = 140 + 30 * math.sin(2 * math.pi * 0.7 * t)
        loud = max(0.0, math.sin(2 * math.pi * 2.5 * t)) ** 0.5
        samples.append(int(9000 * loud * sum(math.sin(2 * math.pi * pitch * h * t) / h for h in range(1, 9)) / 2 + noise.uniform(-50, 50)))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *(max(-32768, min(32767, s)) for s in samples)))


def launch(playwright, microphone: pathlib.Path, executable=CHROMIUM):
    return playwright.chromium.launch(executable_path=executable, args=[
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"])


@contextlib.contextmanager
def open_page(browser, url, **options):
    """A fresh page; afterwards it must have had no error, and must have asked for nothing that its policy forbids."""
    context = browser.new_context(viewport={"width": 1100, "height": 760}, **{"color_scheme": "light", **options})
    context.add_init_script(LISTEN)
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(url)
    try:
        yield page
        assert not problems, problems
    finally:
        context.close()
