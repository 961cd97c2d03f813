// Walks a Program. One render, one Interpreter, one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "template/ast.hpp"
#include "template/value.hpp"
#include "zenith/models/template/chat_template.hpp"

namespace zenith::models::jinja {

class Interpreter {
 public:
  Interpreter(const Program& program, const TemplateLimits& limits, std::int64_t now_unix_seconds);

  /// Globals of the template; messages and the like.
  void define(const std::string& name, Val value);
  /// Throws TemplateError.
  Text run();

  Heap heap;
  std::int64_t now_unix_seconds;

  // For builtins.
  [[noreturn]] void fail(std::string message) const;  ///< invalid_argument at the current line
  [[noreturn]] void fail_undefined(const Val& value) const;
  void step(std::uint64_t count = 1);  ///< throws when the budget is used up
  Val call(const Val& callee, Args args);
  Val attribute(const Val& object, const Val& name);  ///< object.name
  Val item(const Val& object, const Val& key);        ///< object[key]
  Val undefined(std::string message);
  Val string(Text text) { return heap.string(std::move(text)); }
  Val list(std::vector<Val> items, Flavor flavor = Flavor::list);
  /// What iterating gives, once (a generator is used up by it). Throws for what is not iterable.
  std::vector<Val> iterate(const Val& value);
  std::int64_t max_depth() const noexcept { return depth_limit_; }

  /// Counts nesting while it lives.
  class Deeper {
   public:
    explicit Deeper(Interpreter& in);
    ~Deeper() { --in_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Interpreter& in_;
  };

 private:
  enum class Flow : std::uint8_t { normal, break_, continue_ };

  Flow execute(const std::vector<Stmt*>& body);
  Flow execute(const Stmt& stmt);
  Flow execute_loop(const Stmt& stmt);
  void execute_call_block(const Stmt& stmt);
  void execute_macro(const Stmt& stmt);
  Flow captured(const std::vector<Stmt*>& body, Text& output);
  void assign(const Target& target, Val value);
  void write(const Text& text);

  Val evaluate(const Expr& expr);
  Val evaluate_name(const Expr& expr);
  Val evaluate_call(const Expr& expr);
  Val evaluate_condition(const Expr& expr);
  Val evaluate_concat(const Expr& expr);
  Val evaluate_slice(const Val& object, const Expr& slice);
  bool evaluate_compare(const Expr& expr);
  Args arguments(const Expr& expr);
  Val call_macro(const Callable& macro, const Args& args);
  Val slice_of(const Val& object, const Expr& slice);

  const Program& program_;
  TemplateLimits limits_;
  std::uint64_t steps_ = 0;
  std::int64_t depth_ = 0, depth_limit_;
  int line_ = 0;
  int symbol_loop_, symbol_caller_, symbol_varargs_, symbol_kwargs_;
  ScopePtr scope_;
  Text* output_ = nullptr;
  const Val* block_input_ = nullptr;
};

}  // namespace zenith::models::jinja
