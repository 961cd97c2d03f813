#include <nlohmann/json.hpp>

#include "local_model.hpp"
#include "verb.hpp"

namespace zenith::tools {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kMostInput = std::size_t{1} << 30;

struct Options {
  std::string model;
  bool bos = false, special = false;
};

Status tokenize(const Options& options, const Context& context) {
  const auto tokenizer = open_tokenizer(options.model);
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  const auto text = read_stdin(kMostInput);
  if (!text) return tl::make_unexpected(text.error());
  const auto ids =
      (*tokenizer)->encode(*text, {.add_special = options.bos, .parse_special = options.special, .untrusted = {}});
  const Json array = ids;
  return print((context.json ? Json{{"tokens", array}} : array).dump() + "\n");
}

Expected<std::vector<TokenId>> read_ids(std::size_t vocab) {
  const auto text = read_stdin(kMostInput);
  if (!text) return tl::make_unexpected(text.error());
  Json json = Json::parse(*text, nullptr, false);
  if (json.is_object() && json.contains("tokens")) json = Json(json["tokens"]);
  const std::string form = "stdin must be a JSON array of token ids, as `zenith tokenize` prints it";
  if (!json.is_array()) return fail(Errc::invalid_argument, form, "tokens");
  std::vector<TokenId> ids;
  for (const auto& item : json) {
    if (!item.is_number_integer()) return fail(Errc::invalid_argument, form, "tokens");
    const auto id = item.get<std::int64_t>();
    if (id < 0 || static_cast<std::uint64_t>(id) >= vocab) {
      return fail(
          Errc::invalid_argument,
          "token id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(vocab) + " tokens",
          "tokens");
    }
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

Status detokenize(const Options& options, const Context& context) {
  const auto tokenizer = open_tokenizer(options.model);
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  const auto ids = read_ids((*tokenizer)->vocab_size());
  if (!ids) return tl::make_unexpected(ids.error());
  const std::string text = (*tokenizer)->decode(*ids, options.special);
  if (!context.json) return print(text);
  return print(Json{{"content", text}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

Action add_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a model's name or path; a file that holds only a vocabulary is enough")
      ->required();
  app.add_flag("--bos", options->bos, "add the tokens that the model puts around a text");
  app.add_flag("--special", options->special, "control tokens written out in the text become their ids");
  return [options](const Context& context) { return tokenize(*options, context); };
}

Action add_detokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a model's name or path; a file that holds only a vocabulary is enough")
      ->required();
  app.add_flag("--special", options->special, "write control tokens out");
  return [options](const Context& context) { return detokenize(*options, context); };
}

}  // namespace zenith::tools
