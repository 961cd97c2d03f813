#include <algorithm>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

// What a render may hold at once, beyond its input: intermediate strings and containers.
constexpr std::size_t kHeapOverOutput = 8;
// Frames of the walk for each level that TemplateLimits::depth grants: a macro that calls itself takes about five.
constexpr std::int64_t kFramesPerLevel = 5;

}  // namespace

Interpreter::Interpreter(const Program& program, const TemplateLimits& limits, std::int64_t now)
    : heap(limits.output_bytes * kHeapOverOutput, limits.output_bytes),
      now_unix_seconds(now),
      program_(program),
      limits_(limits),
      depth_limit_(static_cast<std::int64_t>(limits.depth) * kFramesPerLevel),
      symbol_loop_(program.find_symbol("loop")),
      symbol_caller_(program.find_symbol("caller")),
      symbol_varargs_(program.find_symbol("varargs")),
      symbol_kwargs_(program.find_symbol("kwargs")),
      scope_(std::make_shared<Scope>()) {}

void Interpreter::define(const std::string& name, Val value) {
  const int symbol = program_.find_symbol(name);
  if (symbol >= 0) scope_->set(symbol, std::move(value));
}

Text Interpreter::run() {
  Text out;
  output_ = &out;
  try {
    execute(program_.body);
  } catch (TemplateError& error) {
    if (error.line == 0) error.line = line_;
    throw;
  }
  return out;
}

void Interpreter::fail(std::string message) const {
  throw TemplateError{Errc::invalid_argument, std::move(message), line_};
}

void Interpreter::fail_undefined(const Val& value) const {
  fail(value.str ? std::string{value.view()} : std::string{"the value is undefined"});
}

void Interpreter::step(std::uint64_t count) {
  steps_ += count;
  if (steps_ > limits_.steps) {
    throw TemplateError{Errc::bad_file,
                        fmt::format("the chat template ran {} steps without coming to an end", limits_.steps), line_};
  }
}

Interpreter::Deeper::Deeper(Interpreter& in) : in_(in) {
  if (in_.depth_ >= in_.depth_limit_) {
    throw TemplateError{Errc::bad_file, fmt::format("the chat template nests deeper than {} levels", in_.limits_.depth),
                        in_.line_};
  }
  ++in_.depth_;
}

Val Interpreter::undefined(std::string message) {
  Val value;
  value.str = std::make_shared<const StrRep>(Text{message}, &heap);
  return value;
}

Val Interpreter::list(std::vector<Val> items, Flavor flavor) {
  List* made = heap.list(flavor);
  heap.charge(items.size() * sizeof(Val));
  made->items = std::move(items);
  return Val{made};
}

void Interpreter::write(const Text& text) {
  step(text.bytes.size() / 64);
  heap.check_string(output_->bytes.size() + text.bytes.size());
  output_->append(text);
}

Interpreter::Flow Interpreter::execute(const std::vector<Stmt*>& body) {
  for (const Stmt* stmt : body) {
    const Flow flow = execute(*stmt);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Stmt& stmt) {
  step();
  const Deeper deeper(*this);
  line_ = stmt.line;
  switch (stmt.tag) {
    case Tag::text: write(stmt.text->text); break;
    case Tag::print: {
      const Val value = evaluate(*stmt.expr);
      if (value.is_str()) {
        write(value.text());
      } else {
        write(str(*this, value));
      }
      break;
    }
    case Tag::branch: {
      for (const auto& [condition, body] : stmt.branches) {
        if (truth(evaluate(*condition))) return execute(body);
      }
      return execute(stmt.otherwise);
    }
    case Tag::loop: return execute_loop(stmt);
    case Tag::set: assign(stmt.target, evaluate(*stmt.expr)); break;
    case Tag::set_block:
    case Tag::filter: {
      Text text;
      const Flow flow = captured(stmt.body, text);
      if (flow != Flow::normal) return flow;
      Val value = string(std::move(text));
      if (stmt.expr != nullptr) {
        const Val input = std::move(value);
        const Val* outer = std::exchange(block_input_, &input);
        value = evaluate(*stmt.expr);
        block_input_ = outer;
      }
      if (stmt.tag == Tag::set_block) {
        assign(stmt.target, std::move(value));
      } else {
        write(str(*this, value));
      }
      break;
    }
    case Tag::macro: execute_macro(stmt); break;
    case Tag::call: execute_call_block(stmt); break;
    case Tag::with: {
      auto inner = std::make_shared<Scope>();
      inner->parent = scope_;
      std::vector<Val> values;
      for (const auto& [target, expr] : stmt.bindings) values.push_back(evaluate(*expr));
      const ScopePtr outer = std::exchange(scope_, inner);
      for (std::size_t i = 0; i < values.size(); ++i) assign(stmt.bindings[i].first, values[i]);
      const Flow flow = execute(stmt.body);
      scope_ = outer;
      return flow;
    }
    case Tag::scope: {
      auto inner = std::make_shared<Scope>();
      inner->parent = scope_;
      const ScopePtr outer = std::exchange(scope_, inner);
      const Flow flow = execute(stmt.body);
      scope_ = outer;
      return flow;
    }
    case Tag::break_: return Flow::break_;
    case Tag::continue_: return Flow::continue_;
  }
  return Flow::normal;
}

// Runs a body in a scope of its own and keeps what it prints.
Interpreter::Flow Interpreter::captured(const std::vector<Stmt*>& body, Text& output) {
  auto inner = std::make_shared<Scope>();
  inner->parent = scope_;
  const ScopePtr outer = std::exchange(scope_, inner);
  Text* outer_output = std::exchange(output_, &output);
  const Flow flow = execute(body);
  output_ = outer_output;
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute_loop(const Stmt& stmt) {
  std::vector<Val> items = iterate(evaluate(*stmt.expr));
  const ScopePtr outer = scope_;
  const auto enter = [&](const Val& item) {
    scope_ = std::make_shared<Scope>();
    scope_->parent = outer;
    assign(stmt.target, item);
  };
  if (stmt.condition != nullptr) {
    std::vector<Val> kept;
    for (Val& item : items) {
      enter(item);
      if (truth(evaluate(*stmt.condition))) kept.push_back(std::move(item));
    }
    scope_ = outer;
    items = std::move(kept);
  }
  if (items.empty()) {
    scope_ = std::make_shared<Scope>();
    scope_->parent = outer;
    const Flow flow = execute(stmt.otherwise);
    scope_ = outer;
    return flow;
  }
  Loop* loop = symbol_loop_ >= 0 ? heap.loop() : nullptr;
  if (loop != nullptr) loop->items = &items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    step();
    enter(items[i]);
    if (loop != nullptr) {
      loop->index = i;
      scope_->set(symbol_loop_, Val{loop});
    }
    if (execute(stmt.body) == Flow::break_) break;
  }
  if (loop != nullptr) loop->items = nullptr;
  scope_ = outer;
  return Flow::normal;
}

void Interpreter::assign(const Target& target, Val value) {
  switch (target.type) {
    case Target::Type::name: scope_->set(target.symbol, std::move(value)); return;
    case Target::Type::attribute: {
      for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
        const Val* found = scope->find(target.symbol);
        if (found == nullptr) continue;
        if (!found->is(Kind::ns)) break;
        if (target.attribute.starts_with('_'))
          fail(fmt::format("the attribute '{}' of a namespace is private", target.attribute));
        auto& attributes = found->ns->attributes;
        const auto it = std::find_if(attributes.begin(), attributes.end(),
                                     [&](const auto& a) { return a.first == target.attribute; });
        if (it != attributes.end()) {
          it->second = std::move(value);
        } else {
          heap.charge(sizeof(*it));
          attributes.emplace_back(target.attribute, std::move(value));
        }
        return;
      }
      fail(fmt::format("'{}' is no namespace: its attributes cannot be set", target.name));
    }
    case Target::Type::tuple: {
      const std::vector<Val> values = iterate(value);
      if (values.size() != target.parts.size()) {
        fail(fmt::format("{} values for {} variables", values.size(), target.parts.size()));
      }
      for (std::size_t i = 0; i < values.size(); ++i) assign(target.parts[i], values[i]);
      return;
    }
  }
}

void Interpreter::execute_macro(const Stmt& stmt) {
  Callable* macro = heap.callable(Callable::Type::macro);
  macro->name = stmt.name;
  macro->macro = &stmt;
  macro->closure = scope_;
  scope_->set(stmt.symbol, Val{macro});
}

void Interpreter::execute_call_block(const Stmt& stmt) {
  Callable* caller = heap.callable(Callable::Type::macro);
  caller->name = stmt.name;
  caller->macro = &stmt;
  caller->closure = scope_;
  const Val callee = evaluate(*stmt.expr->kids[0]);
  Args args = arguments(*stmt.expr);
  args.named.emplace_back("caller", Val{caller});
  write(str(*this, call(callee, std::move(args))));
}

Val Interpreter::call_macro(const Callable& macro, const Args& args) {
  const Stmt& stmt = *macro.macro;
  if (args.positional.size() > stmt.parameters.size() && !stmt.takes_rest) {
    fail(fmt::format("macro '{}' takes not more than {} argument(s)", stmt.name, stmt.parameters.size()));
  }
  auto inner = std::make_shared<Scope>();
  inner->parent = macro.closure;
  Dict* more = stmt.takes_named_rest ? heap.dict() : nullptr;
  std::vector<const Val*> bound(stmt.parameters.size(), nullptr);
  for (std::size_t i = 0; i < std::min(bound.size(), args.positional.size()); ++i) bound[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto it = std::find_if(stmt.parameters.begin(), stmt.parameters.end(),
                                 [&](const Parameter& p) { return p.name == name; });
    if (it != stmt.parameters.end()) {
      const Val*& slot = bound[static_cast<std::size_t>(it - stmt.parameters.begin())];
      if (slot != nullptr) fail(fmt::format("macro '{}' got two values for the argument '{}'", stmt.name, name));
      slot = &value;
    } else if (name == "caller" && stmt.takes_caller) {
      inner->set(symbol_caller_, value);
    } else if (more != nullptr) {
      insert(*this, *more, string(Text{name, true}), value);
    } else {
      fail(fmt::format("macro '{}' takes no keyword argument '{}'", stmt.name, name));
    }
  }
  if (stmt.takes_rest) {
    std::vector<Val> rest;
    for (std::size_t i = stmt.parameters.size(); i < args.positional.size(); ++i) rest.push_back(args.positional[i]);
    inner->set(symbol_varargs_, list(std::move(rest), Flavor::tuple));
  }
  if (more != nullptr) inner->set(symbol_kwargs_, Val{more});
  if (stmt.takes_caller && inner->find(symbol_caller_) == nullptr)
    inner->set(symbol_caller_, undefined("no caller is defined"));

  const ScopePtr outer = std::exchange(scope_, inner);
  Text text;
  Text* outer_output = std::exchange(output_, &text);
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const Parameter& parameter = stmt.parameters[i];
    if (bound[i] != nullptr) {
      inner->set(parameter.symbol, *bound[i]);
    } else if (parameter.fallback != nullptr) {
      inner->set(parameter.symbol, evaluate(*parameter.fallback));
    } else {
      inner->set(parameter.symbol, undefined(fmt::format("parameter '{}' was not provided", parameter.name)));
    }
  }
  execute(stmt.body);
  output_ = outer_output;
  scope_ = outer;
  return string(std::move(text));
}

}  // namespace zenith::models::jinja
