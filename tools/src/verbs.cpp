#include "verb.hpp"

#include <array>

namespace zenith::tools {
namespace {

constexpr std::array kVerbs{
    Verb{"serve", "serve models over HTTP: API, page and health", "zenith serve --listen 127.0.0.1:8080", add_serve},
    Verb{"run", "chat in the terminal, or answer one prompt",
         "zenith run smollm2-135m \"What is a prime number?\" --max-tokens 64", add_run},
    Verb{"speak", "a text as a wav file", "zenith speak \"Hello world.\" -o hello.wav", add_speak},
    Verb{"transcribe", "speech in a sound or video file as text", "zenith transcribe talk.mp3 --format srt",
         add_transcribe},
    Verb{"see", "the text of a picture, or the elements of a screenshot", "zenith see screenshot.png --ui", add_see},
    Verb{"pull", "fetch a model, verified by its hash", "zenith pull smollm2-135m", add_pull},
    Verb{"models", "list models: known, installed, their licences", "zenith models --json", add_models},
    Verb{"tokenize", "stdin to token ids", "printf 'Hello world' | zenith tokenize smollm2-135m", add_tokenize},
    Verb{"detokenize", "token ids to text", "echo '[19556, 905]' | zenith detokenize smollm2-135m", add_detokenize},
    Verb{"logits", "the model's logits after some tokens", "zenith logits smollm2-135m --ids 19556,905 --json",
         add_logits},
    Verb{"perplexity", "perplexity of a text file", "zenith perplexity smollm2-135m README.md --json", add_perplexity},
    Verb{"quantize", "a GGUF file with its weights in another type",
         "zenith quantize model-f16.gguf model-q4_k.gguf --type Q4_K", add_quantize},
    Verb{"bench", "measure speed", "zenith bench text smollm2-135m --threads 2 --json", add_bench},
    Verb{"top", "services, queues, links, credits and rates of a running system, live", "zenith top --interval 2",
         add_top},
    Verb{"sensors", "sensors of a running system, their frames, and whether a plugin keeps the rules",
         "zenith sensors watch host.cpu", add_sensors},
    Verb{"keys", "a key pair for links over TCP", "zenith keys --name text-1 --allow", add_keys},
    Verb{"doctor", "what this machine lacks, and the command that gets it", "zenith doctor --kernels", add_doctor},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

}  // namespace zenith::tools
