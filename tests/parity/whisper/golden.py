"""What faster-whisper makes of tests/data/whisper/speech.flac with the weights of `zenith pull whisper-base`, in float32: samples of
features and encoder output, the greedy tokens, and what they score. Writes tests/data/whisper/golden.json."""
import json
import os
import pathlib

import numpy
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from faster_whisper.tokenizer import Tokenizer

DATA = pathlib.Path(__file__).parents[2] / "data" / "whisper"
MODELS = pathlib.Path(os.environ.get("ZENITH_HOME", pathlib.Path.home() / ".cache" / "zenith")) / "models"


def sampled(values, count=300):
    """Every place has another residue, so that no row, band or head is left out."""
    flat = numpy.asarray(values, numpy.float32).reshape(-1)
    return {"size": flat.size, "stride": 7919, "values": [round(float(flat[i * 7919 % flat.size]), 6) for i in range(count)]}


def main():
    model = WhisperModel(str(MODELS / "whisper-base"), device="cpu", compute_type="float32", cpu_threads=1)
    audio = decode_audio(str(DATA / "speech.flac"))
    # As openai/whisper: 30 s of silence behind the sound, then the first 30 s.
    features = model.feature_extractor(audio, padding=480_000)[:, :3000]
    encoded = model.encode(features)
    language, probability = model.model.detect_language(encoded)[0][0]
    tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=language.strip("<|>"))
    result = model.model.generate(encoded, [tokenizer.sot_sequence], beam_size=1, return_scores=True, return_no_speech_prob=True,
                                  suppress_blank=True, suppress_tokens=[-1], max_length=448, max_initial_timestamp_index=50)[0]
    tokens = result.sequences_ids[0]
    golden = {"samples": len(audio), "features": sampled(features), "encoded": sampled(encoded), "language": language.strip("<|>"),
              "language_probability": round(probability, 5), "tokens": tokens, "text": tokenizer.decode([t for t in tokens if t < tokenizer.eot]),
              "avg_logprob": round(result.scores[0] * len(tokens) / (len(tokens) + 1), 5), "no_speech_prob": round(result.no_speech_prob, 6),
              "prompt": {" Zenith, naïve café's 1,234 words!": model.hf_tokenizer.encode(" Zenith, naïve café's 1,234 words!", add_special_tokens=False).ids}}
    (DATA / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
