#include "weights/safetensors_header.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace zenith::models {
namespace {

constexpr std::size_t kMostDims = 8;

// Depth 1: the header; 2: a tensor or __metadata__; 3: shape or data_offsets.
class HeaderEvents {
 public:
  using Json = nlohmann::json;

  SafetensorsHeader header;
  std::string problem;

  bool start_object(std::size_t) {
    if (++depth_ == 1) return true;
    if (depth_ == 2 && !in_metadata()) header.tensors.emplace_back().name = name_;
    return depth_ == 2 || refuse("holds an object where none belongs");
  }
  bool end_object() {
    if (depth_-- == 2 && !in_metadata()) {
      if (seen_ != 7) return refuse("lacks one of dtype, shape, data_offsets");
    }
    seen_ = 0;
    return true;
  }
  bool start_array(std::size_t) {
    ++depth_;
    offsets_.clear();
    if (depth_ != 3 || in_metadata() || (field_ != "shape" && field_ != "data_offsets"))
      return refuse("holds a list where none belongs");
    return true;
  }
  bool end_array() {
    --depth_;
    if (field_ != "data_offsets") return true;
    if (offsets_.size() != 2) return refuse("has data_offsets that are not two numbers");
    header.tensors.back().begin = offsets_[0];
    header.tensors.back().end = offsets_[1];
    return true;
  }
  bool key(std::string& text) {
    if (depth_ == 1) {
      name_ = text;
      return true;
    }
    field_ = text;
    if (in_metadata()) return true;
    const unsigned bit = text == "dtype" ? 1 : text == "shape" ? 2 : text == "data_offsets" ? 4 : 0;
    if (bit == 0) return refuse(fmt::format("has the unknown field {}", printable(text)));
    if ((seen_ & bit) != 0) return refuse(fmt::format("has {} twice", text));
    seen_ |= bit;
    return true;
  }
  bool string(std::string& text) {
    if (depth_ != 2) return refuse("holds a string where none belongs");
    if (in_metadata()) {
      header.metadata.emplace_back(field_, text);
      return true;
    }
    if (field_ != "dtype") return refuse(fmt::format("has a string in {}", field_));
    header.tensors.back().dtype = text;
    return true;
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (depth_ != 3) return refuse("holds a number where none belongs");
    std::vector<std::uint64_t>& list = field_ == "shape" ? header.tensors.back().shape : offsets_;
    list.push_back(value);
    return list.size() <= kMostDims || refuse(fmt::format("has more than {} numbers in {}", kMostDims, field_));
  }
  bool number_integer(Json::number_integer_t) { return refuse("holds a negative number"); }
  bool number_float(Json::number_float_t, const std::string&) { return refuse("holds a number that is no integer"); }
  bool null() { return refuse("holds null"); }
  bool boolean(bool) { return refuse("holds a bool"); }
  bool binary(Json::binary_t&) { return refuse("holds binary"); }
  bool parse_error(std::size_t at, const std::string&, const Json::exception&) {
    problem = fmt::format("the safetensors header stops to be JSON at byte {} of it", at);
    return false;
  }

 private:
  bool in_metadata() const { return name_ == "__metadata__"; }
  bool refuse(std::string_view what) {
    problem = depth_ <= 1 && name_.empty() ? fmt::format("the safetensors header {}", what)
                                           : fmt::format("tensor {} {}", printable(name_), what);
    return false;
  }

  std::size_t depth_ = 0;
  unsigned seen_ = 0;
  std::string name_, field_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace

Expected<SafetensorsHeader> parse_safetensors_header(std::string_view json) {
  HeaderEvents events;
  if (json.empty() || json.front() != '{')
    return fail(Errc::bad_file, "this is no safetensors file: its header is no JSON object");
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &events)) return fail(Errc::bad_file, events.problem);
  return std::move(events.header);
}

}  // namespace zenith::models
