#include <algorithm>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/parser.hpp"

namespace zenith::models::jinja {
namespace {

class Nest {
 public:
  explicit Nest(int& level) : level_(level) { ++level_; }
  ~Nest() { --level_; }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  int& level_;
};

}  // namespace

Expr* Parser::make(Op op, int line, std::vector<Expr*> kids) {
  Expr& node = program_.exprs.emplace_back();
  node.op = op;
  node.line = line;
  node.kids = std::move(kids);
  return finish(&node);
}

Expr* Parser::finish(Expr* node) {
  const auto below = [&](const Expr* kid) {
    if (kid != nullptr) node->depth = std::max(node->depth, kid->depth + 1);
  };
  for (const Expr* kid : node->kids) below(kid);
  for (const auto& [name, kid] : node->named) below(kid);
  below(node->rest);
  below(node->named_rest);
  if (node->depth > kMaxNesting) fail(fmt::format("expressions are nested deeper than {}", kMaxNesting));
  return node;
}

Expr* Parser::constant_of(Val value, int line) {
  Expr* node = make(Op::constant, line);
  node->value = std::move(value);
  return node;
}

bool Parser::tuple_ends(bool end_at_in) const {
  const TokenType type = current().type;
  return type == TokenType::print_end || type == TokenType::block_end || current().is(")") ||
         (end_at_in && current().is_name("in")) || current().is_name("recursive");
}

Expr* Parser::parse_tuple(bool with_condition, bool parenthesised, bool end_at_in) {
  const int line = current().line;
  std::vector<Expr*> items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty()) expect_op(",");
    if (tuple_ends(end_at_in)) break;
    items.push_back(parse_expression(with_condition));
    if (!current().is(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return items[0];
    if (!parenthesised) fail("an expression is missing");
  }
  return make(Op::tuple, line, std::move(items));
}

Expr* Parser::parse_expression(bool with_condition) {
  const Nest nest(nesting_);
  if (nesting_ > kMaxNesting) fail(fmt::format("expressions are nested deeper than {}", kMaxNesting));
  const std::size_t unknown = unknown_.size();
  Expr* node = parse_or();
  while (with_condition && current().is_name("if")) {
    const int line = next().line;
    Expr* condition = parse_or();
    Expr* otherwise = skip_name("else") ? parse_expression() : nullptr;
    node = make(Op::condition, line, {condition, node, otherwise});
    unknown_.resize(std::min(unknown, unknown_.size()));
  }
  return node;
}

Expr* Parser::parse_or() {
  Expr* left = parse_and();
  while (current().is_name("or")) {
    const int line = next().line;
    left = make(Op::logical_or, line, {left, parse_and()});
  }
  return left;
}

Expr* Parser::parse_and() {
  Expr* left = parse_not();
  while (current().is_name("and")) {
    const int line = next().line;
    left = make(Op::logical_and, line, {left, parse_not()});
  }
  return left;
}

Expr* Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Nest nest(nesting_);
  if (nesting_ > kMaxNesting) fail(fmt::format("expressions are nested deeper than {}", kMaxNesting));
  const int line = next().line;
  return make(Op::logical_not, line, {parse_not()});
}

Expr* Parser::parse_compare() {
  const int line = current().line;
  Expr* first = parse_sum();
  std::vector<Expr*> operands{first};
  std::vector<Relation> relations;
  constexpr std::pair<std::string_view, Relation> table[] = {{"==", Relation::equal},  {"!=", Relation::not_equal},
                                                             {"<", Relation::less},    {"<=", Relation::less_equal},
                                                             {">", Relation::greater}, {">=", Relation::greater_equal}};
  for (;;) {
    const auto found =
        std::find_if(std::begin(table), std::end(table), [&](const auto& row) { return current().is(row.first); });
    if (found != std::end(table)) {
      next();
      relations.push_back(found->second);
    } else if (skip_name("in")) {
      relations.push_back(Relation::in);
    } else if (current().is_name("not") && ahead().is_name("in")) {
      next();
      next();
      relations.push_back(Relation::not_in);
    } else {
      break;
    }
    operands.push_back(parse_sum());
  }
  if (relations.empty()) return first;
  Expr* node = make(Op::compare, line, std::move(operands));
  node->relations = std::move(relations);
  return node;
}

Expr* Parser::parse_sum() {
  Expr* left = parse_concat();
  while (current().is("+") || current().is("-")) {
    const Token op = next();
    left = make(op.text == "+" ? Op::add : Op::subtract, op.line, {left, parse_concat()});
  }
  return left;
}

Expr* Parser::parse_concat() {
  const int line = current().line;
  std::vector<Expr*> parts{parse_product()};
  while (skip_op("~")) parts.push_back(parse_product());
  return parts.size() == 1 ? parts[0] : make(Op::concat, line, std::move(parts));
}

Expr* Parser::parse_product() {
  Expr* left = parse_power();
  constexpr std::pair<std::string_view, Op> table[] = {
      {"*", Op::multiply}, {"/", Op::divide}, {"//", Op::floor_divide}, {"%", Op::modulo}};
  for (;;) {
    const auto found =
        std::find_if(std::begin(table), std::end(table), [&](const auto& row) { return current().is(row.first); });
    if (found == std::end(table)) return left;
    const int line = next().line;
    left = make(found->second, line, {left, parse_power()});
  }
}

Expr* Parser::parse_power() {
  Expr* left = parse_unary(true);
  while (current().is("**")) {
    const int line = next().line;
    left = make(Op::power, line, {left, parse_unary(true)});
  }
  return left;
}

Expr* Parser::parse_unary(bool with_filter) {
  const Nest nest(nesting_);
  if (nesting_ > kMaxNesting) fail(fmt::format("expressions are nested deeper than {}", kMaxNesting));
  const Token token = current();
  Expr* node = nullptr;
  if (skip_op("-")) {
    node = make(Op::negate, token.line, {parse_unary(false)});
  } else if (skip_op("+")) {
    node = make(Op::plus, token.line, {parse_unary(false)});
  } else {
    node = parse_primary();
  }
  node = parse_postfix(node);
  return with_filter ? parse_filters_and_tests(node) : node;
}

Expr* Parser::parse_primary() {
  const Token token = next();
  switch (token.type) {
    case TokenType::name: {
      if (token.text == "true" || token.text == "True") return constant_of(Val{true}, token.line);
      if (token.text == "false" || token.text == "False") return constant_of(Val{false}, token.line);
      if (token.text == "none" || token.text == "None") return constant_of(Val::none(), token.line);
      for (Stmt* function : functions_) {
        function->takes_rest |= token.text == "varargs";
        function->takes_named_rest |= token.text == "kwargs";
        function->takes_caller |= token.text == "caller";
      }
      Expr* node = make(Op::name, token.line);
      node->name = token.text;
      node->symbol = program_.symbol(token.text);
      return node;
    }
    case TokenType::string: {
      std::string text = token.text;
      while (current().type == TokenType::string) text += next().text;
      return constant_of(Val{constant(text)}, token.line);
    }
    case TokenType::integer: return constant_of(Val{token.integer}, token.line);
    case TokenType::floating: return constant_of(Val{token.floating}, token.line);
    case TokenType::op:
      if (token.text == "(") {
        Expr* node = parse_tuple(true, true);
        expect_op(")");
        return node;
      }
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      fail(fmt::format("unexpected '{}'", token.text), token);
    case TokenType::data:
    case TokenType::block_begin:
    case TokenType::block_end:
    case TokenType::print_begin:
    case TokenType::print_end:
    case TokenType::end: break;
  }
  fail("an expression is missing", token);
}

Expr* Parser::parse_list() {
  const int line = current().line;
  std::vector<Expr*> items;
  while (!current().is("]")) {
    if (!items.empty()) expect_op(",");
    if (current().is("]")) break;
    items.push_back(parse_expression());
  }
  expect_op("]");
  return make(Op::list, line, std::move(items));
}

Expr* Parser::parse_dict() {
  const int line = current().line;
  std::vector<Expr*> items;
  while (!current().is("}")) {
    if (!items.empty()) expect_op(",");
    if (current().is("}")) break;
    items.push_back(parse_expression());
    expect_op(":");
    items.push_back(parse_expression());
  }
  expect_op("}");
  return make(Op::dict, line, std::move(items));
}

Expr* Parser::parse_postfix(Expr* node) {
  for (;;) {
    if (current().is(".")) {
      node = parse_attribute(node);
    } else if (current().is("[")) {
      node = parse_item(node);
    } else if (current().is("(")) {
      node = parse_call(node);
    } else {
      return node;
    }
  }
}

Expr* Parser::parse_filters_and_tests(Expr* node) {
  for (;;) {
    if (current().is("|")) {
      node = parse_filter(node);
    } else if (current().is_name("is")) {
      node = parse_test(node);
    } else if (current().is("(")) {
      node = parse_call(node);
    } else {
      return node;
    }
  }
}

Expr* Parser::parse_attribute(Expr* node) {
  const int line = next().line;
  const Token token = next();
  if (token.type == TokenType::integer) return make(Op::item, line, {node, constant_of(Val{token.integer}, line)});
  if (token.type != TokenType::name) fail("a name or a number is expected after '.'", token);
  Expr* made = make(Op::attribute, line, {node});
  made->name = token.text;
  made->value = Val{constant(token.text)};
  return made;
}

Expr* Parser::parse_item(Expr* node) {
  const int line = next().line;
  std::vector<Expr*> parts;
  while (!current().is("]")) {
    if (!parts.empty()) expect_op(",");
    parts.push_back(parse_index());
  }
  expect_op("]");
  Expr* index = parts.size() == 1 ? parts[0] : make(Op::tuple, line, std::move(parts));
  return make(Op::item, line, {node, index});
}

Expr* Parser::parse_index() {
  const int line = current().line;
  Expr* parts[3] = {nullptr, nullptr, nullptr};
  if (!current().is(":")) {
    parts[0] = parse_expression();
    if (!current().is(":")) return parts[0];
  }
  next();
  const auto ends = [&] { return current().is("]") || current().is(",") || current().is(":"); };
  if (!ends()) parts[1] = parse_expression();
  if (skip_op(":") && !ends()) parts[2] = parse_expression();
  return make(Op::slice, line, {parts[0], parts[1], parts[2]});
}

Expr* Parser::parse_call(Expr* node) {
  Expr* call = make(Op::call, current().line, {node});
  parse_arguments(*call);
  return finish(call);
}

void Parser::parse_arguments(Expr& into) {
  const Token open = current();
  const auto ensure = [&](bool fine) {
    if (!fine) fail("the order of the arguments is wrong: positional, *list, named, **dict", open);
  };
  expect_op("(");
  bool first = true;
  while (!current().is(")")) {
    if (!first) {
      expect_op(",");
      if (current().is(")")) break;
    }
    first = false;
    if (skip_op("*")) {
      ensure(into.rest == nullptr && into.named_rest == nullptr);
      into.rest = parse_expression();
    } else if (skip_op("**")) {
      ensure(into.named_rest == nullptr);
      into.named_rest = parse_expression();
    } else if (current().type == TokenType::name && ahead().is("=")) {
      ensure(into.named_rest == nullptr);
      const std::string name = next().text;
      next();
      if (std::any_of(into.named.begin(), into.named.end(), [&](const auto& n) { return n.first == name; })) {
        fail(fmt::format("the argument '{}' is given twice", name));
      }
      Expr* value = parse_expression();
      into.named.emplace_back(name, value);
    } else {
      ensure(into.rest == nullptr && into.named_rest == nullptr && into.named.empty());
      into.kids.push_back(parse_expression());
    }
  }
  expect_op(")");
}

Expr* Parser::parse_filter(Expr* node) {
  while (skip_op("|")) {
    const Token token = current();
    Expr* filter = make(Op::filter, token.line, {node});
    filter->name = expect_name();
    while (skip_op(".")) filter->name.append(1, '.').append(expect_name());
    filter->filter = find_filter(filter->name);
    if (filter->filter == nullptr && !conditional_) {
      unknown_.push_back({fmt::format("there is no filter named '{}'", filter->name), token});
    }
    if (current().is("(")) parse_arguments(*filter);
    node = finish(filter);
  }
  return node;
}

Expr* Parser::parse_test(Expr* node) {
  next();
  const bool negated = skip_name("not");
  const Token token = current();
  Expr* test = make(Op::test, token.line, {node});
  test->negated = negated;
  test->name = expect_name();
  while (skip_op(".")) test->name.append(1, '.').append(expect_name());
  test->test = find_test(test->name);
  if (test->test == nullptr && !conditional_) {
    unknown_.push_back({fmt::format("there is no test named '{}'", test->name), token});
  }
  const Token& after = current();
  if (after.is("(")) {
    parse_arguments(*test);
  } else if (after.is("[") || after.is("{") || after.type == TokenType::string || after.type == TokenType::integer ||
             after.type == TokenType::floating ||
             (after.type == TokenType::name && after.text != "else" && after.text != "or" && after.text != "and")) {
    if (after.is_name("is")) fail("tests cannot be chained with is");
    Expr* argument = parse_postfix(parse_primary());
    test->kids.push_back(argument);
  }
  return finish(test);
}

}  // namespace zenith::models::jinja
