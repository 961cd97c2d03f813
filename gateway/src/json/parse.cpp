#include "json/parse.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

namespace zenith::gateway {
namespace {

/// Builds a Value without recursion; false from a handler stops the parser.
class Builder {
 public:
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  Builder(const JsonLimits& limits, Value& root) : limits_(limits), root_(root) {}

  bool null() { return put(Value{}); }
  bool boolean(bool v) { return put(Value{v}); }
  bool number_integer(number_integer_t v) { return put(Value{v}); }
  bool number_unsigned(number_unsigned_t v) {
    if (v <= static_cast<std::uint64_t>(INT64_MAX)) return put(Value{static_cast<std::int64_t>(v)});
    return put(Value{static_cast<double>(v)});
  }
  bool number_float(number_float_t v, const string_t&) { return put(Value{v}); }
  bool string(string_t& v) { return put(Value{std::move(v)}); }
  bool binary(binary_t&) { return stop("binary values are no JSON"); }

  bool start_object(std::size_t) { return open(Value{Value::Object{}}); }
  bool key(string_t& k) {
    Frame& frame = stack_.back();
    if (!frame.keys.insert(k).second) return stop(fmt::format("the key \"{}\" comes twice in one object", k));
    frame.key = std::move(k);
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(Value{Value::Array{}}); }
  bool end_array() { return close(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) {
    std::string_view what = e.what();
    if (const auto at = what.find("] "); at != std::string_view::npos) what.remove_prefix(at + 2);
    if (e.id == 406) return stop(fmt::format("a number is out of range at byte {}", position));
    if (const auto at = what.find(": "); at != std::string_view::npos) what.remove_prefix(at + 2);
    return stop(fmt::format("malformed JSON at byte {}: {}", position, what.substr(0, 200)));
  }

  std::string problem;

 private:
  struct Frame {
    Value* value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool stop(std::string why) {
    if (problem.empty()) problem = std::move(why);
    return false;
  }
  Value* place(Value v) {
    if (++nodes_ > limits_.nodes) {
      stop(fmt::format("the JSON has more than {} values", limits_.nodes));
      return nullptr;
    }
    if (stack_.empty()) return &(root_ = std::move(v));
    Frame& frame = stack_.back();
    if (auto* array = std::get_if<Value::Array>(&frame.value->data)) return &array->emplace_back(std::move(v));
    auto& object = std::get<Value::Object>(frame.value->data);
    return &object.emplace_back(std::move(frame.key), std::move(v)).second;
  }
  bool put(Value v) { return place(std::move(v)) != nullptr; }
  bool open(Value v) {
    if (stack_.size() >= limits_.depth) return stop(fmt::format("the JSON is nested deeper than {}", limits_.depth));
    Value* at = place(std::move(v));
    if (at == nullptr) return false;
    stack_.push_back({at, {}, {}});
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  Value& root_;
  std::vector<Frame> stack_;
  std::size_t nodes_ = 0;
};

}  // namespace

Expected<Value> parse_json(std::string_view text, const JsonLimits& limits) {
  Value root;
  Builder builder(limits, root);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(Errc::invalid_argument, builder.problem.empty() ? "malformed JSON" : builder.problem);
  }
  return root;
}

const Value* find(const Value& object, std::string_view key) noexcept {
  const auto* members = std::get_if<Value::Object>(&object.data);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace zenith::gateway
