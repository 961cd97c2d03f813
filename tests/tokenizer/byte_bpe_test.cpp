#include <gtest/gtest.h>

#include "fixtures.hpp"

namespace zenith::models::testing {
namespace {

std::unique_ptr<Tokenizer> smollm() {
  auto made = tokenizer_from_gguf(smollm_metadata());
  if (!made) throw std::runtime_error(made.error().message);
  return *std::move(made);
}

TEST(ByteBpe, smollm2_encodes_a_chat_turn) {
  const auto t = smollm();
  const std::vector<TokenId> want{1, 4093, 198, 28120, 2, 198};
  const std::string text = "<|im_start|>user\nHi<|im_end|>\n";
  const auto ids = t->encode(text, {.parse_special = true});
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(t->decode(ids, true), text);
  EXPECT_EQ(t->decode(ids, false), "user\nHi\n");
  EXPECT_EQ(t->vocab_size(), 49152U);
  EXPECT_FALSE(t->adds_bos());
}

}  // namespace
}  // namespace zenith::models::testing
