// POST /v1/embeddings
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "api/members.hpp"
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kInputs = 2048;

struct EmbedRequest {
  messages::Embed embed;
  bool base64 = false;
};

Status read_input(const Value& v, messages::Embed& out) {
  const auto text_or_tokens = [&](const Value& item, const std::string& field) -> Status {
    if (const auto* text = std::get_if<std::string>(&item.data)) {
      if (text->empty()) return bad_field(field, "is empty");
      out.inputs.emplace_back(*text);
      return {};
    }
    auto tokens = token_list(item, field);
    if (!tokens) return tl::make_unexpected(tokens.error());
    if (tokens->empty()) return bad_field(field, "is empty");
    out.inputs.emplace_back(std::move(*tokens));
    return {};
  };
  const auto* list = std::get_if<Value::Array>(&v.data);
  if (list == nullptr && !std::holds_alternative<std::string>(v.data)) {
    return bad_field("input", fmt::format("must be a string, a list of strings or token ids, not {}", type_name(v)));
  }
  if (list == nullptr || list->empty() || std::holds_alternative<std::int64_t>(list->front().data))
    return text_or_tokens(v, "input");
  if (list->size() > kInputs)
    return bad_field("input", fmt::format("may have {} inputs, not {}", kInputs, list->size()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (auto status = text_or_tokens((*list)[i], fmt::format("input[{}]", i)); !status) return status;
  }
  return {};
}

Expected<EmbedRequest> read_request(const Value& body, const std::string& default_model) {
  if (auto status = only_members(body, {"input", "model", "encoding_format", "dimensions", "user"}); !status)
    return tl::make_unexpected(status.error());
  EmbedRequest out;
  const Value* input = find(body, "input");
  if (input == nullptr) return bad_field("input", "is missing");
  if (auto status = read_input(*input, out.embed); !status) return tl::make_unexpected(status.error());
  auto model = model_of(body, default_model);
  if (!model) return tl::make_unexpected(model.error());
  out.embed.model = std::move(*model);
  const auto encoding = member<std::string>(body, "encoding_format");
  if (!encoding) return tl::make_unexpected(encoding.error());
  const auto& name = encoding->value_or("float");
  if (name != "float" && name != "base64")
    return bad_field("encoding_format", fmt::format("must be float or base64, not \"{}\"", name.substr(0, 40)));
  out.base64 = name == "base64";
  if (const Value* dimensions = find(body, "dimensions");
      dimensions != nullptr && !std::holds_alternative<std::nullptr_t>(dimensions->data)) {
    return fail(Errc::unsupported, "dimensions: shortened embeddings are not served yet", "dimensions");
  }
  return out;
}

/// Little-endian float32, as OpenAI's clients decode it.
std::string packed(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(vector.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  return base64(bytes);
}

}  // namespace

void embeddings(const std::shared_ptr<Call>& call) {
  auto request = call->json().and_then(
      [&](const Value& body) { return read_request(body, call->gateway.options.default_embedding_model); });
  if (!request) return call->fail(request.error());
  request->embed.header = call->header();
  const std::string model = request->embed.model;
  auto reply =
      call->expect<messages::Embeddings>([model, as_base64 = request->base64](Call& c, messages::Embeddings result) {
        c.use_tokens(result.prompt_tokens);
        JsonWriter w;
        w.begin_object().key("object").string("list").key("data").begin_array();
        for (std::size_t i = 0; i < result.vectors.size(); ++i) {
          w.begin_object()
              .key("object")
              .string("embedding")
              .key("index")
              .integer(static_cast<std::int64_t>(i))
              .key("embedding");
          if (as_base64) {
            w.string(packed(result.vectors[i]));
          } else {
            w.begin_array();
            for (const float x : result.vectors[i]) w.number(x);
            w.end_array();
          }
          w.end_object();
        }
        w.end_array().key("model").string(model).key("usage").begin_object();
        w.key("prompt_tokens")
            .integer(result.prompt_tokens)
            .key("total_tokens")
            .integer(result.prompt_tokens)
            .end_object()
            .end_object();
        c.reply_json(w.take());
      });
  call->gateway.port.embed(std::move(request->embed), std::move(reply));
}

}  // namespace zenith::gateway
