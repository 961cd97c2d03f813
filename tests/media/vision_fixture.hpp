// Pictures of tests/data/vision, what is in them, and the real model that reads them.
#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "zenith/core/config.hpp"
#include "zenith/media/image.hpp"
#include "zenith/media/ocr.hpp"

namespace zenith::media::testing {

inline std::string vision_file(const std::string& name) {
  std::ifstream in{std::string{ZENITH_TEST_DATA} + "/vision/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline Image picture(const std::string& name) {
  const std::string bytes = vision_file(name);
  return decode_image(std::as_bytes(std::span{bytes.data(), bytes.size()})).value();
}

/// `zenith pull ppocr-v4` gets it; `make test` does.
inline std::unique_ptr<Ocr> load_real_ocr(int threads) {
  return Ocr::load(zenith_home() / "models" / "ppocr-v4", zenith_home() / "cache" / "graphs", threads).value();
}

/// Loaded once for a test program, with as many threads as it is served with on most machines.
inline Ocr& real_ocr() {
  static const std::unique_ptr<Ocr> ocr = load_real_ocr(2);
  return *ocr;
}

inline bool always() { return true; }

}  // namespace zenith::media::testing
