// Tokens to a Program: jinja2's grammar without extends, include, import, block, autoescape and trans.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "template/ast.hpp"
#include "template/lexer.hpp"

namespace zenith::models::jinja {

inline constexpr int kMaxNesting = 200;                          ///< of expressions and of blocks, each
inline constexpr std::size_t kMaxSource = std::size_t{1} << 20;  ///< bytes of a template

/// Throws TemplateError (bad_file) with line and column.
class Parser {
 public:
  explicit Parser(std::string_view source);
  Program parse();

 private:
  using Ends = std::initializer_list<std::string_view>;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_op(std::string_view op);
  std::string expect_name();
  void expect(TokenType type, std::string_view what);
  [[noreturn]] void fail(std::string message) const { fail(std::move(message), current()); }
  [[noreturn]] void fail(std::string message, const Token& token) const;

  // Statements.
  std::vector<Stmt*> parse_until(Ends ends);
  std::vector<Stmt*> parse_body(Ends ends, bool conditional = false);
  Stmt* parse_statement();
  void parse_for(Stmt& stmt);
  void parse_if(Stmt& stmt);
  void parse_set(Stmt& stmt);
  void parse_with(Stmt& stmt);
  void parse_macro(Stmt& stmt);
  void parse_call_block(Stmt& stmt);
  void parse_filter_block(Stmt& stmt);
  void parse_jump(Stmt& stmt, Tag tag);
  void parse_signature(Stmt& stmt);
  void parse_function_body(Stmt& stmt, std::string_view end);
  Target parse_target(bool with_namespace, bool with_tuple = true);
  Target parse_one_target(bool with_namespace);
  Stmt* make_stmt(Tag tag);

  // Expressions.
  Expr* parse_tuple(bool with_condition, bool parenthesised, bool end_at_in = false);
  Expr* parse_expression(bool with_condition = true);
  Expr* parse_or();
  Expr* parse_and();
  Expr* parse_not();
  Expr* parse_compare();
  Expr* parse_sum();
  Expr* parse_concat();
  Expr* parse_product();
  Expr* parse_power();
  Expr* parse_unary(bool with_filter);
  Expr* parse_primary();
  Expr* parse_list();
  Expr* parse_dict();
  Expr* parse_postfix(Expr* node);
  Expr* parse_filters_and_tests(Expr* node);
  Expr* parse_attribute(Expr* node);
  Expr* parse_item(Expr* node);
  Expr* parse_index();
  Expr* parse_call(Expr* node);
  void parse_arguments(Expr& into);
  Expr* parse_filter(Expr* node);
  Expr* parse_test(Expr* node);
  Expr* make(Op op, int line, std::vector<Expr*> kids = {});
  Expr* finish(Expr* node);  // sets and checks its depth
  Expr* constant_of(Val value, int line);
  bool tuple_ends(bool end_at_in) const;

  struct Unknown {  // a filter or test nobody has: an error at once where it is sure to run
    std::string message;
    Token token;
  };
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Program program_;
  int nesting_ = 0, block_nesting_ = 0, loops_ = 0;
  bool conditional_ = false;
  std::vector<Unknown> unknown_;
  std::vector<Stmt*> functions_;  // macros being parsed
};

}  // namespace zenith::models::jinja
