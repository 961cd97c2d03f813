// Runs the AVX-512 VNNI integer dots against the scalar model on a bare emulated processor; the result goes out of
// COM1.
#include "int_dot_model.hpp"

namespace {

void out(unsigned short port, unsigned char value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

unsigned char in(unsigned short port) {
  unsigned char value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void say(const char* text) {
  for (; *text != 0; ++text) {
    while ((in(0x3fd) & 0x20) == 0) {
    }
    out(0x3f8, static_cast<unsigned char>(*text));
  }
}

void say(size_t number) {
  char digits[24];
  char* at = digits + sizeof digits - 1;
  *at = 0;
  do {
    *--at = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  say(at);
}

using namespace zenith::kernels;

}  // namespace

extern "C" {

// The compiler calls these.
void* memset(void* to, int value, size_t bytes) {
  auto* at = static_cast<volatile unsigned char*>(to);
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<unsigned char>(value);
  return to;
}
void* memcpy(void* to, const void* from, size_t bytes) {
  auto* at = static_cast<volatile unsigned char*>(to);
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<const unsigned char*>(from)[i];
  return to;
}

[[gnu::section(".entry"), noreturn]] void payload_main() {
  out(0x3fb, 3);  // eight bits, one stop bit
  // Above the first MiB: the payload itself lies below.
  auto& arena = *reinterpret_cast<int_dot_model::Arena*>(0x400000);
  size_t wrong = 0;
  const size_t cases =
      int_dot_model::run_all(kIntDotAvx512Vnni, arena, [&](const int_dot_model::Case& c, size_t outputs) {
        if (outputs == 0) return;
        ++wrong;
        say("kind "), say(static_cast<size_t>(c.kind)), say(" rows "), say(c.rows), say(" out "), say(c.out);
        say(" blocks "), say(c.blocks), say(": "), say(outputs), say(" wrong\n");
      });
  say("avx512_vnni: "), say(cases), say(" cases, "), say(wrong), say(" differ from the scalar model\n");
  while ((in(0x3fd) & 0x40) == 0) {  // the last byte has left
  }
  for (const char* text = "Shutdown"; *text != 0; ++text) out(0x8900, static_cast<unsigned char>(*text));
  for (;;) asm volatile("hlt");
}

}  // extern "C"
