"""What other programs need for the same work, in one thread, in an interpreter that has them. Prints JSON: seconds of sound, wall and CPU.

usage: PYTHON voice_peers.py faster-whisper MODEL_FOLDER COMPUTE_TYPE FILE.wav
       PYTHON voice_peers.py onnxruntime VOICE.onnx TEXT        Piper's graph alone: phonemes are the text's letters, the cost is the same
"""
import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"


def faster_whisper(folder, compute_type, file):
    from faster_whisper import WhisperModel
    model = WhisperModel(folder, device="cpu", compute_type=compute_type, cpu_threads=1)

    def run():
        segments, info = model.transcribe(file, beam_size=1)
        return info.duration, "".join(s.text for s in segments)
    return run


def onnxruntime(voice, text):
    import numpy
    import onnxruntime as ort
    config = json.load(open(voice + ".json"))
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(voice, options, providers=["CPUExecutionProvider"])
    ids, scale = config["phoneme_id_map"], config["inference"]

    def run():
        seconds = 0
        for sentence in text.split(". "):
            row = [i for c in sentence.lower() if c in ids for i in (*ids[c], *ids["_"])]
            row = numpy.array([[*ids["^"], *ids["_"], *row, *ids["$"]]], numpy.int64)
            scales = numpy.array([scale["noise_scale"], scale["length_scale"], scale["noise_w"]], numpy.float32)
            sound = session.run(None, {"input": row, "input_lengths": numpy.array([row.shape[1]]), "scales": scales})[0]
            seconds += sound.size / config["audio"]["sample_rate"]
        return seconds, None
    return run


def main():
    run = {"faster-whisper": faster_whisper, "onnxruntime": onnxruntime}[sys.argv[1]](*sys.argv[2:])
    started, cpu = time.monotonic(), time.process_time()
    seconds, text = run()
    print(json.dumps({"audio_s": seconds, "wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu, "text": text}))


if __name__ == "__main__":
    main()
