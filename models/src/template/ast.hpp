// What the parser makes of a template. Nodes live in Program's arenas, so that no tree is too deep to be freed.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "template/value.hpp"

namespace zenith::models::jinja {

class Interpreter;
using Filter = Val (*)(Interpreter&, const Val& input, const Args& args);
using Test = bool (*)(Interpreter&, const Val& input, const Args& args);

enum class Op : std::uint8_t {
  constant,
  name,
  tuple,
  list,
  dict,
  concat,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  negate,
  plus,
  logical_and,
  logical_or,
  logical_not,
  compare,
  condition,
  attribute,
  item,
  slice,
  call,
  filter,
  test
};
enum class Relation : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

struct Expr {
  Op op = Op::constant;
  int line = 0;
  int depth = 1;     // of the tree below
  int symbol = -1;   // name
  Val value;         // constant
  std::string name;  // attribute, filter, test; variable
  std::vector<Expr*>
      kids;  // operands; callee then arguments; dict: key, value, key, value …; slice: three, may be null
  std::vector<Relation> relations;                   // compare: kids[0] r0 kids[1] r1 kids[2] …
  std::vector<std::pair<std::string, Expr*>> named;  // keyword arguments
  Expr* rest = nullptr;                              // *args
  Expr* named_rest = nullptr;                        // **kwargs
  Filter filter = nullptr;                           // null: unknown, an error when it runs
  Test test = nullptr;
  bool negated = false;
};

/// Where a value is stored.
struct Target {
  enum class Type : std::uint8_t { name, attribute, tuple } type = Type::name;
  int symbol = -1;
  std::string name;       // of the variable
  std::string attribute;  // of a namespace
  std::vector<Target> parts;
};

enum class Tag : std::uint8_t {
  text,
  print,
  branch,
  loop,
  set,
  set_block,
  macro,
  call,
  filter,
  with,
  scope,
  break_,
  continue_
};

struct Parameter {
  int symbol = -1;
  std::string name;
  Expr* fallback = nullptr;
};

struct Stmt {
  Tag tag = Tag::text;
  int line = 0;
  Str text;                   // text
  Expr* expr = nullptr;       // print, loop's source, set's value, call's call, filter's chain
  Expr* condition = nullptr;  // of a loop
  Target target;              // loop, set
  std::vector<Stmt*> body, otherwise;
  std::vector<std::pair<Expr*, std::vector<Stmt*>>> branches;  // if, elif …
  std::vector<std::pair<Target, Expr*>> bindings;              // with
  std::string name;                                            // macro
  int symbol = -1;
  std::vector<Parameter> parameters;  // macro, call
  bool takes_rest = false, takes_named_rest = false, takes_caller = false;
};

/// What a filter chain over a block's output reads as its input.
inline constexpr int kBlockInput = -2;

struct Program {
  std::deque<Expr> exprs;
  std::deque<Stmt> stmts;
  std::vector<Stmt*> body;
  std::unordered_map<std::string, int> symbols;
  int symbol(const std::string& name) {
    return symbols.try_emplace(name, static_cast<int>(symbols.size())).first->second;
  }
  int find_symbol(const std::string& name) const {
    const auto it = symbols.find(name);
    return it == symbols.end() ? -1 : it->second;
  }
};

}  // namespace zenith::models::jinja
