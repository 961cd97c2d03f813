"""Voice activity: the probabilities that silero's graph gives through onnxruntime, for a signal that comes and goes.

Beside the references of this folder it needs onnx==1.23.2, onnxruntime==1.31.1 and the wheel silero-vad==6.2.3, unpacked:
    vad_golden.py FOLDER/silero_vad/data
"""
import hashlib
import json
import pathlib
import struct
import sys

import numpy

SHA256 = {"silero_vad_openvino_16k.onnx": "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87",
          "silero_vad_16k.safetensors": "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1"}
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


# The wheel's safetensors holds other trained weights than its ONNX files, for the same graph (measured: probabilities of one
# signal differ by up to 0.34). So the reference is the ONNX file's graph with the safetensors' weights in it.
NAMES = {"stft.forward_basis_buffer": "stft_conv.weight", "decoder.decoder.2.weight": "final_conv.weight",
         "decoder.decoder.2.bias": "final_conv.bias"}
NAMES |= {f"encoder.{i}.reparam_conv.{what}": f"conv{i + 1}.{what}" for i in range(4) for what in ("weight", "bias")}
NAMES |= {f"decoder.rnn.{what}": f"lstm_cell.{what}" for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def safetensors(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    return {name: numpy.frombuffer(data[8 + size :][slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def graph_with(weights, path):
    import onnx

    model, placed = onnx.load(str(path)), set()
    for node in model.graph.node:
        name = node.output[0].split("Inline_0__")[-1] if node.op_type == "Constant" else ""
        if name in NAMES:
            node.attribute[0].t.CopyFrom(onnx.numpy_helper.from_array(weights[NAMES[name]], node.attribute[0].t.name))
            placed.add(name)
    assert placed == set(NAMES), set(NAMES) - placed
    return model.SerializeToString()


def main():
    import onnxruntime

    if len(sys.argv) < 2:
        print("vad_golden.py: skipped: name the folder silero_vad/data of the wheel to make its golden anew")
        return
    files = {name: pathlib.Path(sys.argv[1]) / name for name in SHA256}
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name], f"{path} is another file"
    weights = safetensors(files["silero_vad_16k.safetensors"].read_bytes())
    session = onnxruntime.InferenceSession(graph_with(weights, files["silero_vad_openvino_16k.onnx"]), providers=["CPUExecutionProvider"])
    samples = signal()
    state, context = numpy.zeros((2, 1, 128), numpy.float32), numpy.zeros((1, CONTEXT), numpy.float32)
    probabilities = []
    for i in range(FRAMES):
        frame = numpy.concatenate([context, samples[None, i * FRAME : (i + 1) * FRAME]], axis=1)
        out, state = session.run(None, {"input": frame, "state": state})
        context = frame[:, -CONTEXT:]
        probabilities.append(out[0, 0])
    numpy.save(OUT / "silero-vad-samples.npy", samples)
    numpy.save(OUT / "silero-vad-probabilities.npy", numpy.array(probabilities, numpy.float32))
    print("lowest and highest probability:", min(probabilities), max(probabilities))


if __name__ == "__main__":
    main()
