"""Voice activity: the probabilities that the wheel's ONNX file gives through onnxruntime, for a signal that comes and goes.

Beside the references of this folder it needs silero-vad==6.2.3 and onnxruntime==1.31.1:
    vad_golden.py SILERO_VAD_16K_OP15.ONNX
"""
import hashlib
import pathlib
import sys

import numpy

SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"
OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "parity"
RATE, FRAME, CONTEXT, FRAMES = 16000, 512, 64, 48


def signal():
    """A buzz of 110 to 160 Hz through moving formants, in syllables, between noise: the detector takes parts of it for speech."""
    random = numpy.random.default_rng(7)
    count = FRAMES * FRAME
    time = numpy.arange(count) / RATE
    pitch = 130 + 25 * numpy.sin(2 * numpy.pi * 0.9 * time)
    phase = numpy.cumsum(pitch) / RATE
    buzz = 2 * (phase % 1) - 1 + 0.05 * random.standard_normal(count)
    out = numpy.zeros(count)
    for low, high, width in ((350, 750, 80), (1000, 2100, 120), (2500, 2800, 160)):
        centre = low + (high - low) * (0.5 + 0.5 * numpy.sin(2 * numpy.pi * 1.7 * time + low))
        radius = numpy.exp(-numpy.pi * width / RATE)
        first = second = 0.0
        for i in range(count):
            fresh = (1 - radius) * buzz[i] + 2 * radius * numpy.cos(2 * numpy.pi * centre[i] / RATE) * first - radius**2 * second
            first, second = fresh, first
            out[i] += fresh
    syllables = numpy.clip(numpy.sin(2 * numpy.pi * 4 * time), 0, 1) * ((time > 0.35) & (time < 1.1))
    return (0.2 * out / numpy.abs(out).max() * syllables * 2 + 0.002 * random.standard_normal(count)).astype(numpy.float32)


def main():
    import onnxruntime

    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if path is None:
        print("vad_golden.py: skipped: name silero_vad_16k_op15.onnx to make its golden anew")
        return
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256, f"{path} is another file"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    samples = signal()
    state, context = numpy.zeros((2, 1, 128), numpy.float32), numpy.zeros((1, CONTEXT), numpy.float32)
    probabilities = []
    for i in range(FRAMES):
        frame = numpy.concatenate([context, samples[None, i * FRAME : (i + 1) * FRAME]], axis=1)
        feeds = {"input": frame, "state": state, "sr": numpy.array(RATE, numpy.int64)}
        wanted = {i.name for i in session.get_inputs()}
        out, state = session.run(None, {k: v for k, v in feeds.items() if k in wanted})
        context = frame[:, -CONTEXT:]
        probabilities.append(out[0, 0])
    numpy.save(OUT / "silero-vad-samples.npy", samples)
    numpy.save(OUT / "silero-vad-probabilities.npy", numpy.array(probabilities, numpy.float32))
    print("lowest and highest probability:", min(probabilities), max(probabilities))


if __name__ == "__main__":
    main()
