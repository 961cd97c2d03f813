#include "template/value.hpp"

#include <fmt/format.h>

namespace zenith::models::jinja {

StrRep::StrRep(Text t, Heap* h) : text(std::move(t)), length(count_codepoints(text.bytes)), heap(h) {
  if (heap == nullptr) return;
  const std::size_t bytes = sizeof(StrRep) + text.memory();
  heap->charge(bytes);
  charged = bytes;
}

StrRep::~StrRep() {
  if (heap != nullptr) heap->release(charged);
}

Str constant(std::string_view text) { return std::make_shared<const StrRep>(Text{text}, nullptr); }

Val* Scope::find(int symbol) noexcept {
  for (auto& [name, value] : names) {
    if (name == symbol) return &value;
  }
  return nullptr;
}

void Scope::set(int symbol, Val value) {
  if (Val* found = find(symbol)) {
    *found = std::move(value);
  } else {
    names.emplace_back(symbol, std::move(value));
  }
}

void Heap::charge(std::size_t bytes) {
  if (bytes > limit_ - used_) {
    throw TemplateError{Errc::bad_file, fmt::format("the chat template holds more than {} bytes of memory", limit_)};
  }
  used_ += bytes;
}

void Heap::check_string(std::size_t bytes) const {
  if (bytes > string_limit_) {
    throw TemplateError{Errc::bad_file,
                        fmt::format("the chat template builds a string of more than {} bytes", string_limit_)};
  }
}

Val Heap::string(Text text) {
  check_string(text.bytes.size());
  return Val{std::make_shared<const StrRep>(std::move(text), this)};
}

List* Heap::list(Flavor flavor) {
  charge(sizeof(List));
  List& made = lists_.emplace_back();
  made.flavor = flavor;
  return &made;
}

Dict* Heap::dict() {
  charge(sizeof(Dict));
  return &dicts_.emplace_back();
}

Namespace* Heap::ns() {
  charge(sizeof(Namespace));
  return &namespaces_.emplace_back();
}

Range* Heap::range(std::int64_t start, std::int64_t stop, std::int64_t step) {
  charge(sizeof(Range));
  return &ranges_.emplace_back(Range{start, stop, step});
}

Loop* Heap::loop() {
  charge(sizeof(Loop));
  return &loops_.emplace_back();
}

Callable* Heap::callable(Callable::Type type) {
  charge(sizeof(Callable));
  Callable& made = callables_.emplace_back();
  made.type = type;
  return &made;
}

}  // namespace zenith::models::jinja
