#include "zenith/models/template/chat_template.hpp"

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "template/interpreter.hpp"
#include "template/operations.hpp"
#include "template/parser.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

using namespace jinja;

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};

// The request's values as the template's. Every string in them is untrusted, keys too; only a message's role, if it is
// a known one, is not.
class Importer {
 public:
  Importer(Interpreter& in, std::size_t depth) : in_(in), depth_(depth) {}

  Val array(const Value::Array& items, bool messages = false) {
    const Level level(*this);
    std::vector<Val> out;
    out.reserve(items.size());
    for (const Value& item : items) {
      const auto* object = std::get_if<Value::Object>(&item.data);
      out.push_back(messages && object != nullptr ? this->object(*object, true) : value(item));
    }
    return in_.list(std::move(out));
  }

  Val value(const Value& source) {
    return std::visit(
        [&](const auto& v) -> Val {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, std::nullptr_t>) {
            return Val::none();
          } else if constexpr (std::is_same_v<T, std::string>) {
            return text(v, true);
          } else if constexpr (std::is_same_v<T, Value::Array>) {
            return array(v);
          } else if constexpr (std::is_same_v<T, Value::Object>) {
            return object(v, false);
          } else {
            return Val{v};
          }
        },
        source.data);
  }

  static Val text(const std::string& bytes, bool taint) {
    return Val{std::make_shared<const StrRep>(Text{utf8_valid(bytes) ? bytes : utf8_lossy(bytes), taint}, nullptr)};
  }

 private:
  struct Level {
    explicit Level(Importer& i) : importer(i) {
      if (++importer.level_ > importer.depth_) {
        throw TemplateError{Errc::invalid_argument,
                            fmt::format("messages or tools are nested deeper than {} levels", importer.depth_)};
      }
    }
    ~Level() { --importer.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Importer& importer;
  };

  Val object(const Value::Object& source, bool message) {
    const Level level(*this);
    Dict* out = in_.heap.dict();
    for (const auto& [key, item] : source) {
      in_.heap.charge(2 * sizeof(Val));
      const auto* role = message && key == "role" ? std::get_if<std::string>(&item.data) : nullptr;
      const bool trusted =
          role != nullptr && std::find(std::begin(kRoles), std::end(kRoles), *role) != std::end(kRoles);
      out->entries.emplace_back(text(key, true), trusted ? text(*role, false) : value(item));
    }
    return Val{out};
  }

  Interpreter& in_;
  std::size_t depth_, level_ = 0;
};

Error to_error(const TemplateError& error) {
  std::string place;
  if (error.line != 0) place = fmt::format(" (chat template, line {}", error.line);
  if (error.line != 0 && error.column != 0) place += fmt::format(", column {}", error.column);
  if (!place.empty()) place += ")";
  return Error{
      error.code, error.message + place, error.code == Errc::invalid_argument ? "messages" : "chat_template", {}};
}

}  // namespace

struct ChatTemplate::Impl {
  std::string source;
  Program program;
};

ChatTemplate::ChatTemplate(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Expected<ChatTemplate> ChatTemplate::compile(std::string source) {
  try {
    auto impl = std::make_shared<Impl>();
    impl->program = Parser{source}.parse();
    impl->source = std::move(source);
    return ChatTemplate{std::move(impl)};
  } catch (const TemplateError& error) {
    return tl::make_unexpected(to_error(error));
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "no memory for the chat template", "chat_template");
  }
}

Expected<Rendered> ChatTemplate::render(const TemplateInput& input, const TemplateLimits& limits) const {
  try {
    Interpreter in(impl_->program, limits, input.now_unix_seconds);
    Importer importer(in, limits.depth);
    for (const auto& [name, value] : input.extra) in.define(name, importer.value(value));
    in.define("messages", importer.array(input.messages, true));
    in.define("tools", input.tools.empty() ? Val::none() : importer.array(input.tools));
    in.define("documents", Val::none());
    in.define("add_generation_prompt", Val{input.add_generation_prompt});
    in.define("bos_token", Importer::text(input.bos_token, false));
    in.define("eos_token", Importer::text(input.eos_token, false));
    Text text = in.run();
    return Rendered{std::move(text.bytes), std::move(text.untrusted)};
  } catch (const TemplateError& error) {
    return tl::make_unexpected(to_error(error));
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, "no memory to render the chat template", "chat_template");
  }
}

const std::string& ChatTemplate::source() const noexcept { return impl_->source; }

}  // namespace zenith::models
