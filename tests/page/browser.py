"""What the page's tests share: a headless Chromium with a microphone that plays a file, and a page that tells what it sounded."""
import contextlib
import pathlib
import re
import wave

import numpy

NOW = re.compile(r"; now -?\d")  # in the label of a plot that has a value
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


def write_wav(path: pathlib.Path, samples: bytes, rate):
    """@param samples 16 bits each, little-endian, one channel."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples)


def write_murmur(path: pathlib.Path, seconds=4, rate=48000):
    """A wav that a microphone's noise suppression lets pass: syllables of a voice's pitch and its harmonics."""
    t = numpy.arange(seconds * rate) / rate
    pitch = 140 + 30 * numpy.sin(2 * numpy.pi * 0.7 * t)
    loud = numpy.sqrt(numpy.maximum(0, numpy.sin(2 * numpy.pi * 2.5 * t)))
    sound = 4500 * loud * sum(numpy.sin(2 * numpy.pi * pitch * h * t) / h for h in range(1, 9))
    write_wav(path, numpy.clip(sound, -32768, 32767).astype("<i2").tobytes(), rate)


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
