#include <algorithm>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {

Val Interpreter::evaluate(const Expr& expr) {
  step();
  const Deeper deeper(*this);
  if (expr.line != 0) line_ = expr.line;
  switch (expr.op) {
    case Op::constant: return expr.value;
    case Op::name: return evaluate_name(expr);
    case Op::tuple:
    case Op::list: {
      List* made = heap.list(expr.op == Op::tuple ? Flavor::tuple : Flavor::list);
      for (const Expr* kid : expr.kids) heap.push(*made, evaluate(*kid));
      return Val{made};
    }
    case Op::dict: {
      Dict* made = heap.dict();
      for (std::size_t i = 0; i + 1 < expr.kids.size(); i += 2) {
        const Val key = evaluate(*expr.kids[i]);
        insert(*this, *made, key, evaluate(*expr.kids[i + 1]));
      }
      return Val{made};
    }
    case Op::concat: return evaluate_concat(expr);
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::floor_divide:
    case Op::modulo:
    case Op::power: {
      const Val left = evaluate(*expr.kids[0]);
      return binary(*this, expr.op, left, evaluate(*expr.kids[1]));
    }
    case Op::negate: return jinja::negate(*this, evaluate(*expr.kids[0]));
    case Op::plus: {
      Val value = evaluate(*expr.kids[0]);
      if (value.is(Kind::undefined)) fail_undefined(value);
      if (!value.is_number()) fail(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
      return value.is(Kind::boolean) ? Val{value.as_int()} : value;
    }
    case Op::logical_and: {
      Val left = evaluate(*expr.kids[0]);
      return truth(left) ? evaluate(*expr.kids[1]) : left;
    }
    case Op::logical_or: {
      Val left = evaluate(*expr.kids[0]);
      return truth(left) ? left : evaluate(*expr.kids[1]);
    }
    case Op::logical_not: return Val{!truth(evaluate(*expr.kids[0]))};
    case Op::compare: return Val{evaluate_compare(expr)};
    case Op::condition: return evaluate_condition(expr);
    case Op::attribute: return attribute(evaluate(*expr.kids[0]), expr.value);
    case Op::item: {
      const Val object = evaluate(*expr.kids[0]);
      if (expr.kids[1]->op == Op::slice) return slice_of(object, *expr.kids[1]);
      return item(object, evaluate(*expr.kids[1]));
    }
    case Op::slice: fail("a slice stands only in brackets");
    case Op::call: return evaluate_call(expr);
    case Op::filter: {
      const Val input = evaluate(*expr.kids[0]);
      if (expr.filter == nullptr) fail(fmt::format("there is no filter named '{}'", expr.name));
      return expr.filter(*this, input, arguments(expr));
    }
    case Op::test: {
      const Val input = evaluate(*expr.kids[0]);
      if (expr.test == nullptr) fail(fmt::format("there is no test named '{}'", expr.name));
      return Val{expr.test(*this, input, arguments(expr)) != expr.negated};
    }
  }
  fail("unknown expression");
}

Val Interpreter::evaluate_name(const Expr& expr) {
  if (expr.symbol == kBlockInput) return *block_input_;
  for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Val* found = scope->find(expr.symbol)) return *found;
  }
  if (is_function(expr.name)) {
    Callable* function = heap.callable(Callable::Type::function);
    function->name = expr.name;
    return Val{function};
  }
  return undefined(fmt::format("'{}' is undefined", expr.name));
}

Val Interpreter::evaluate_condition(const Expr& expr) {
  if (truth(evaluate(*expr.kids[0]))) return evaluate(*expr.kids[1]);
  if (expr.kids[2] != nullptr) return evaluate(*expr.kids[2]);
  return undefined("the inline if is false and has no else");
}

Val Interpreter::evaluate_concat(const Expr& expr) {
  Text out;
  for (const Expr* kid : expr.kids) {
    const Val value = evaluate(*kid);
    if (value.is_str()) {
      out.append(value.text());
    } else {
      out.append(str(*this, value));
    }
    heap.check_string(out.bytes.size());
  }
  step(out.bytes.size() / 64);
  return string(std::move(out));
}

bool Interpreter::evaluate_compare(const Expr& expr) {
  Val left = evaluate(*expr.kids[0]);
  for (std::size_t i = 0; i < expr.relations.size(); ++i) {
    Val right = evaluate(*expr.kids[i + 1]);
    bool holds = false;
    switch (expr.relations[i]) {
      case Relation::equal: holds = equals(*this, left, right); break;
      case Relation::not_equal: holds = !equals(*this, left, right); break;
      case Relation::less: holds = less(*this, left, right, "<"); break;
      case Relation::less_equal: holds = less(*this, left, right, "<="); break;
      case Relation::greater: holds = less(*this, left, right, ">"); break;
      case Relation::greater_equal: holds = less(*this, left, right, ">="); break;
      case Relation::in: holds = contains(*this, right, left); break;
      case Relation::not_in: holds = !contains(*this, right, left); break;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Args Interpreter::arguments(const Expr& expr) {
  Args args;
  args.positional.reserve(expr.kids.size() - 1);
  for (std::size_t i = 1; i < expr.kids.size(); ++i) args.positional.push_back(evaluate(*expr.kids[i]));
  if (expr.rest != nullptr) {
    for (Val& value : iterate(evaluate(*expr.rest))) args.positional.push_back(std::move(value));
  }
  for (const auto& [name, kid] : expr.named) args.named.emplace_back(name, evaluate(*kid));
  if (expr.named_rest != nullptr) {
    const Val more = evaluate(*expr.named_rest);
    if (!more.is(Kind::dict)) fail(fmt::format("the argument after ** must be a mapping, not {}", type_name(more)));
    for (const auto& [key, value] : more.dict->entries) {
      if (!key.is_str()) fail("keywords must be strings");
      args.named.emplace_back(std::string{key.view()}, value);
    }
  }
  return args;
}

Val Interpreter::evaluate_call(const Expr& expr) {
  const Expr& callee = *expr.kids[0];
  if (callee.op == Op::attribute) {
    // A method is called without making an object of it first.
    const Val self = evaluate(*callee.kids[0]);
    if (has_method(self, callee.name)) {
      const Args args = arguments(expr);
      line_ = expr.line;
      return call_method(*this, self, callee.name, args);
    }
    const Val function = attribute(self, callee.value);
    return call(function, arguments(expr));
  }
  const Val function = evaluate(callee);
  Args args = arguments(expr);
  line_ = expr.line;
  return call(function, std::move(args));
}

Val Interpreter::call(const Val& callee, Args args) {
  step();
  const Deeper deeper(*this);
  if (callee.is(Kind::undefined)) fail_undefined(callee);
  if (callee.is(Kind::loop)) fail("recursive loops are not supported: use a macro");
  if (!callee.is(Kind::callable)) fail(fmt::format("'{}' object is not callable", type_name(callee)));
  Callable& target = *callee.callable;
  switch (target.type) {
    case Callable::Type::macro: return call_macro(target, args);
    case Callable::Type::function: return call_function(*this, target.name, args);
    case Callable::Type::method: return call_method(*this, target.self, target.name, args);
    case Callable::Type::joiner: return target.cursor++ == 0 ? string(Text{}) : target.items[0];
    case Callable::Type::cycler: break;
  }
  fail("a cycler is not called: use its next()");
}

Val Interpreter::slice_of(const Val& object, const Expr& slice) {
  Val bounds[3];
  for (int i = 0; i < 3; ++i) bounds[i] = slice.kids[i] != nullptr ? evaluate(*slice.kids[i]) : Val::none();
  if (object.is(Kind::undefined)) fail_undefined(object);
  const bool sequence =
      object.is(Kind::list) && (object.list->flavor == Flavor::list || object.list->flavor == Flavor::tuple);
  if (!object.is_str() && !sequence && !object.is(Kind::range)) {
    fail(fmt::format("'{}' object cannot be sliced", type_name(object)));
  }
  const Picked picked = pick(*this, *length(object), bounds[0], bounds[1], bounds[2]);
  step(static_cast<std::uint64_t>(picked.count) / 16);
  if (object.is(Kind::range)) {
    const Range& r = *object.range;
    return Val{heap.range(r.start + picked.start * r.step,
                          r.start + (picked.start + picked.count * picked.step) * r.step, r.step * picked.step)};
  }
  if (sequence) {
    List* made = heap.list(object.list->flavor);
    for (std::int64_t i = 0; i < picked.count; ++i) {
      heap.push(*made, object.list->items[static_cast<std::size_t>(picked.start + i * picked.step)]);
    }
    return Val{made};
  }
  const Text& text = object.text();
  const auto offset = [&](std::int64_t index) {
    return object.str->ascii() ? static_cast<std::size_t>(index)
                               : byte_offset(text.bytes, static_cast<std::size_t>(index));
  };
  if (picked.step == 1) {
    const std::size_t begin = offset(picked.start);
    const std::size_t end = object.str->ascii() ? begin + static_cast<std::size_t>(picked.count)
                                                : begin + byte_offset(std::string_view{text.bytes}.substr(begin),
                                                                      static_cast<std::size_t>(picked.count));
    return string(text.slice(begin, end));
  }
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.bytes.size(); ++i) {
    if ((static_cast<unsigned char>(text.bytes[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.bytes.size());
  Text out;
  for (std::int64_t i = 0; i < picked.count; ++i) {
    const auto at = static_cast<std::size_t>(picked.start + i * picked.step);
    out.append(text, starts[at], starts[at + 1]);
  }
  return string(std::move(out));
}

}  // namespace zenith::models::jinja
