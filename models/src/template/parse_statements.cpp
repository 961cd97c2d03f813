#include <algorithm>

#include <fmt/format.h>

#include "template/parser.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::string_view kTags[] = {"for",  "if",     "set",        "with",  "macro",
                                      "call", "filter", "generation", "break", "continue"};
constexpr std::string_view kForeignTags[] = {"extends",    "include", "import", "from", "block",
                                             "autoescape", "trans",   "do",     "debug"};

bool among(std::string_view name, auto&& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::name:
    case TokenType::op: return fmt::format("'{}'", token.text);
    case TokenType::string: return "a string";
    case TokenType::integer:
    case TokenType::floating: return "a number";
    case TokenType::block_end: return "'%}'";
    case TokenType::print_end: return "'}}'";
    case TokenType::data:
    case TokenType::block_begin:
    case TokenType::print_begin: return "text";
    case TokenType::end: return "the end of the template";
  }
  return "?";
}

}  // namespace

Parser::Parser(std::string_view source) {
  if (source.size() > kMaxSource) {
    throw TemplateError{Errc::bad_file,
                        fmt::format("the chat template has {} bytes, {} are allowed", source.size(), kMaxSource)};
  }
  if (!utf8_valid(source)) throw TemplateError{Errc::bad_file, "the chat template is not valid UTF-8"};
  tokens_ = tokenize(source);
}

Program Parser::parse() {
  program_.body = parse_until({});
  if (!unknown_.empty()) fail(unknown_.front().message, unknown_.front().token);
  return std::move(program_);
}

void Parser::fail(std::string message, const Token& token) const {
  throw TemplateError{Errc::bad_file, std::move(message), token.line, token.column};
}

bool Parser::skip_op(std::string_view op) {
  if (!current().is(op)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) fail(fmt::format("'{}' is expected, not {}", op, describe(current())));
}

std::string Parser::expect_name() {
  if (current().type != TokenType::name) fail(fmt::format("a name is expected, not {}", describe(current())));
  return next().text;
}

void Parser::expect(TokenType type, std::string_view what) {
  if (current().type != type) fail(fmt::format("{} is expected, not {}", what, describe(current())));
  next();
}

Stmt* Parser::make_stmt(Tag tag) {
  Stmt& stmt = program_.stmts.emplace_back();
  stmt.tag = tag;
  stmt.line = current().line;
  return &stmt;
}

// Stops at the name of the end tag, or at the end of the template when `ends` is empty.
std::vector<Stmt*> Parser::parse_until(Ends ends) {
  if (++block_nesting_ > kMaxNesting) fail(fmt::format("blocks are nested deeper than {}", kMaxNesting));
  std::vector<Stmt*> body;
  for (;;) {
    const Token& token = current();
    if (token.type == TokenType::data) {
      Stmt* stmt = make_stmt(Tag::text);
      stmt->text = constant(next().text);
      body.push_back(stmt);
    } else if (token.type == TokenType::print_begin) {
      next();
      Stmt* stmt = make_stmt(Tag::print);
      stmt->expr = parse_tuple(true, false);
      expect(TokenType::print_end, "'}}'");
      body.push_back(stmt);
    } else if (token.type == TokenType::block_begin) {
      next();
      if (current().type == TokenType::name && among(current().text, ends)) break;
      body.push_back(parse_statement());
      expect(TokenType::block_end, "'%}'");
    } else if (ends.size() != 0) {
      fail(fmt::format("the template ends where {{% {} %}} is expected", fmt::join(ends, " or ")));
    } else {
      break;
    }
  }
  --block_nesting_;
  return body;
}

std::vector<Stmt*> Parser::parse_body(Ends ends, bool conditional) {
  skip_op(":");
  expect(TokenType::block_end, "'%}'");
  const bool outer = std::exchange(conditional_, conditional);
  auto body = parse_until(ends);
  conditional_ = outer;
  return body;
}

Stmt* Parser::parse_statement() {
  const Token token = current();
  if (token.type != TokenType::name) fail("the name of a tag is expected");
  Stmt* stmt = make_stmt(Tag::text);
  if (token.text == "if") {
    parse_if(*stmt);
    return stmt;
  }
  if (!among(token.text, kTags)) {
    if (among(token.text, kForeignTags))
      fail(fmt::format("the tag '{}' is not supported in chat templates", token.text));
    fail(fmt::format("unknown tag '{}', or one in the wrong place", token.text));
  }
  next();
  if (token.text == "for") parse_for(*stmt);
  if (token.text == "set") parse_set(*stmt);
  if (token.text == "with") parse_with(*stmt);
  if (token.text == "macro") parse_macro(*stmt);
  if (token.text == "call") parse_call_block(*stmt);
  if (token.text == "filter") parse_filter_block(*stmt);
  if (token.text == "break") parse_jump(*stmt, Tag::break_);
  if (token.text == "continue") parse_jump(*stmt, Tag::continue_);
  if (token.text == "generation") {
    stmt->tag = Tag::scope;
    const int loops = std::exchange(loops_, 0);
    stmt->body = parse_body({"endgeneration"});
    loops_ = loops;
    next();
  }
  return stmt;
}

void Parser::parse_jump(Stmt& stmt, Tag tag) {
  if (loops_ == 0) fail("break and continue belong into a for loop");
  stmt.tag = tag;
}

Target Parser::parse_one_target(bool with_namespace) {
  Target target;
  if (skip_op("(")) {
    target = parse_target(with_namespace);
    expect_op(")");
    return target;
  }
  const Token token = current();
  target.name = expect_name();
  if (among(target.name,
            std::initializer_list<std::string_view>{"true", "false", "none", "True", "False", "None", "loop"}) &&
      (target.name != "loop" || loops_ > 0)) {
    fail(fmt::format("nothing can be assigned to '{}'", target.name), token);
  }
  target.symbol = program_.symbol(target.name);
  if (with_namespace && skip_op(".")) {
    target.type = Target::Type::attribute;
    target.attribute = expect_name();
  }
  return target;
}

Target Parser::parse_target(bool with_namespace, bool with_tuple) {
  if (++nesting_ > kMaxNesting) fail(fmt::format("expressions are nested deeper than {}", kMaxNesting));
  Target first = parse_one_target(with_namespace);
  --nesting_;
  if (!with_tuple || !current().is(",")) return first;
  Target tuple;
  tuple.type = Target::Type::tuple;
  tuple.parts.push_back(std::move(first));
  while (skip_op(",")) {
    if (current().is_name("in") || current().is("=") || current().is(")")) break;
    tuple.parts.push_back(parse_one_target(with_namespace));
  }
  return tuple;
}

void Parser::parse_for(Stmt& stmt) {
  stmt.tag = Tag::loop;
  const int outer = std::exchange(loops_, 1);
  stmt.target = parse_target(false);
  loops_ = outer;
  if (!skip_name("in")) fail(fmt::format("'in' is expected, not {}", describe(current())));
  stmt.expr = parse_tuple(false, false);
  if (skip_name("if")) stmt.condition = parse_expression();
  if (current().is_name("recursive")) fail("recursive loops are not supported: use a macro");
  ++loops_;
  stmt.body = parse_body({"endfor", "else"});
  --loops_;
  if (next().text == "else") {
    stmt.otherwise = parse_body({"endfor"});
    next();
  }
}

void Parser::parse_if(Stmt& stmt) {
  stmt.tag = Tag::branch;
  const bool outer = std::exchange(conditional_, true);
  for (;;) {
    next();
    Expr* test = parse_tuple(false, false);
    auto body = parse_body({"elif", "else", "endif"}, true);
    stmt.branches.emplace_back(test, std::move(body));
    if (current().is_name("elif")) continue;
    if (skip_name("else")) stmt.otherwise = parse_body({"endif"}, true);
    next();
    break;
  }
  conditional_ = outer;
}

void Parser::parse_set(Stmt& stmt) {
  stmt.target = parse_target(true);
  if (skip_op("=")) {
    stmt.tag = Tag::set;
    stmt.expr = parse_tuple(true, false);
    return;
  }
  stmt.tag = Tag::set_block;
  if (current().is("|")) {
    Expr* input = make(Op::name, stmt.line);
    input->symbol = kBlockInput;
    stmt.expr = parse_filter(input);
  }
  stmt.body = parse_body({"endset"});
  next();
}

void Parser::parse_with(Stmt& stmt) {
  stmt.tag = Tag::with;
  while (current().type != TokenType::block_end) {
    if (!stmt.bindings.empty()) expect_op(",");
    Target target = parse_target(false, false);
    expect_op("=");
    Expr* value = parse_expression();
    stmt.bindings.emplace_back(std::move(target), value);
  }
  stmt.body = parse_body({"endwith"});
  next();
}

void Parser::parse_signature(Stmt& stmt) {
  expect_op("(");
  while (!current().is(")")) {
    if (!stmt.parameters.empty()) expect_op(",");
    Parameter parameter;
    parameter.name = expect_name();
    parameter.symbol = program_.symbol(parameter.name);
    if (skip_op("=")) {
      parameter.fallback = parse_expression();
    } else if (!stmt.parameters.empty() && stmt.parameters.back().fallback != nullptr) {
      fail("a parameter without a default follows one with a default");
    }
    stmt.parameters.push_back(std::move(parameter));
  }
  expect_op(")");
}

void Parser::parse_function_body(Stmt& stmt, std::string_view end) {
  const int loops = std::exchange(loops_, 0);
  functions_.push_back(&stmt);
  stmt.body = parse_body({end});
  functions_.pop_back();
  loops_ = loops;
  next();
}

void Parser::parse_macro(Stmt& stmt) {
  stmt.tag = Tag::macro;
  stmt.name = expect_name();
  stmt.symbol = program_.symbol(stmt.name);
  parse_signature(stmt);
  parse_function_body(stmt, "endmacro");
}

void Parser::parse_call_block(Stmt& stmt) {
  stmt.tag = Tag::call;
  stmt.name = "caller";
  if (current().is("(")) parse_signature(stmt);
  stmt.expr = parse_expression();
  if (stmt.expr->op != Op::call) fail("a call is expected");
  parse_function_body(stmt, "endcall");
}

void Parser::parse_filter_block(Stmt& stmt) {
  stmt.tag = Tag::filter;
  Expr* input = make(Op::name, stmt.line);
  input->symbol = kBlockInput;
  // The first filter of the chain has no bar before it.
  tokens_[--at_].type = TokenType::op;
  tokens_[at_].text.assign(1, '|');
  stmt.expr = parse_filter(input);
  stmt.body = parse_body({"endfilter"});
  next();
}

}  // namespace zenith::models::jinja
