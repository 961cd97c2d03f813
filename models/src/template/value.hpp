// Values as a template sees them: Python's, without its classes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/text.hpp"
#include "zenith/core/error.hpp"

namespace zenith::models::jinja {

struct Stmt;
class Heap;

/// Thrown inside the engine only; ChatTemplate turns it into an Error.
struct TemplateError {
  Errc code;
  std::string message;
  int line = 0;    ///< 0 = not known yet
  int column = 0;  ///< 0 = not known
};

/// An immutable string, counted against the heap while anything holds it.
struct StrRep {
  Text text;
  std::size_t length;  ///< code points
  Heap* heap;          ///< nullptr for constants of the template
  std::size_t charged = 0;
  StrRep(Text t, Heap* h);
  ~StrRep();
  StrRep(const StrRep&) = delete;
  StrRep& operator=(const StrRep&) = delete;
  bool ascii() const noexcept { return length == text.bytes.size(); }
};
using Str = std::shared_ptr<const StrRep>;
Str constant(std::string_view text);

enum class Kind : std::uint8_t {
  undefined,
  none,
  boolean,
  integer,
  floating,
  string,
  list,
  dict,
  ns,
  range,
  loop,
  callable
};
/// What a List is in Python.
enum class Flavor : std::uint8_t { list, tuple, items, keys, values, generator };

struct List;
struct Dict;
struct Namespace;
struct Range;
struct Loop;
struct Callable;

struct Val {
  Kind kind = Kind::undefined;
  union {
    bool boolean;
    std::int64_t integer = 0;
    double floating;
    List* list;
    Dict* dict;
    Namespace* ns;
    Range* range;
    Loop* loop;
    Callable* callable;
  };
  Str str;  ///< the string; of an undefined value what was looked for, as a message (may be null)

  Val() = default;
  explicit Val(bool v) : kind(Kind::boolean), boolean(v) {}
  explicit Val(std::int64_t v) : kind(Kind::integer), integer(v) {}
  explicit Val(double v) : kind(Kind::floating), floating(v) {}
  explicit Val(Str v) : kind(Kind::string), str(std::move(v)) {}
  explicit Val(List* v) : kind(Kind::list), list(v) {}
  explicit Val(Dict* v) : kind(Kind::dict), dict(v) {}
  explicit Val(Namespace* v) : kind(Kind::ns), ns(v) {}
  explicit Val(Range* v) : kind(Kind::range), range(v) {}
  explicit Val(Loop* v) : kind(Kind::loop), loop(v) {}
  explicit Val(Callable* v) : kind(Kind::callable), callable(v) {}
  static Val none() {
    Val v;
    v.kind = Kind::none;
    return v;
  }
  bool is(Kind k) const noexcept { return kind == k; }
  bool is_str() const noexcept { return kind == Kind::string; }
  bool is_int() const noexcept { return kind == Kind::integer || kind == Kind::boolean; }
  bool is_number() const noexcept { return is_int() || kind == Kind::floating; }
  std::int64_t as_int() const noexcept { return kind == Kind::boolean ? static_cast<std::int64_t>(boolean) : integer; }
  double as_double() const noexcept { return kind == Kind::floating ? floating : static_cast<double>(as_int()); }
  const Text& text() const noexcept { return str->text; }
  std::string_view view() const noexcept { return str->text.bytes; }
};

struct List {
  Flavor flavor = Flavor::list;
  std::size_t cursor = 0;  // a generator's next item
  std::vector<Val> items;
};
struct Dict {
  std::vector<std::pair<Val, Val>> entries;
};
struct Namespace {
  std::vector<std::pair<std::string, Val>> attributes;
};
struct Range {
  std::int64_t start = 0, stop = 0, step = 1;
  std::int64_t size() const noexcept {
    if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
  }
};
struct Loop {
  const std::vector<Val>* items = nullptr;
  std::size_t index = 0;
  std::optional<Val> last_changed;
};

/// Variables by symbol; inner scopes see outer ones.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<int, Val>> names;
  Val* find(int symbol) noexcept;
  void set(int symbol, Val value);
};
using ScopePtr = std::shared_ptr<Scope>;

struct Callable {
  enum class Type : std::uint8_t { macro, function, method, cycler, joiner } type = Type::function;
  std::string name;             // of a function or method
  Val self;                     // of a method
  const Stmt* macro = nullptr;  // a macro, or the body of a call block
  ScopePtr closure;
  std::vector<Val> items;  // of a cycler; the separator of a joiner
  std::size_t cursor = 0;
};

struct Args {
  std::vector<Val> positional;
  std::vector<std::pair<std::string, Val>> named;
};

/// Owns what a render makes, and bounds it. Containers live until the end (they may form cycles), strings while they
/// are held.
class Heap {
 public:
  Heap(std::size_t limit, std::size_t string_limit) : limit_(limit), string_limit_(string_limit) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  Val string(Text text);
  void check_string(std::size_t bytes) const;  ///< throws bad_file when one string would be too long
  List* list(Flavor flavor = Flavor::list);
  void push(List& list, Val value) {
    charge(sizeof(Val));
    list.items.push_back(std::move(value));
  }
  Dict* dict();
  Namespace* ns();
  Range* range(std::int64_t start, std::int64_t stop, std::int64_t step);
  Loop* loop();
  Callable* callable(Callable::Type type);
  void charge(std::size_t bytes);
  void release(std::size_t bytes) noexcept { used_ -= bytes; }

 private:
  std::size_t limit_, string_limit_, used_ = 0;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<Range> ranges_;
  std::deque<Loop> loops_;
  std::deque<Callable> callables_;
};

}  // namespace zenith::models::jinja
