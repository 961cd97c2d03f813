// Packed weights are kept on disk: what packing writes changes only with kPackRevision.
#include <gtest/gtest.h>

#include "packed.hpp"
#include "support.hpp"

namespace zenith::kernels {
namespace {

struct Golden {
  DType type;
  std::size_t lanes;
  std::uint64_t hash;
};

/// FNV-1a.
std::uint64_t hash_of(std::span<const unsigned char> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  return hash;
}

TEST(PackedLayout, changes_only_with_its_revision) {
  static_assert(kPackRevision == 1, "a new revision has new hashes");
  constexpr Golden kGoldens[] = {
      {DType::q4_0, 8, 0x815d5ec97a71f904ull}, {DType::q4_0, 16, 0xe1c487cb39b666e0ull},
      {DType::q4_1, 8, 0x78da3ce44c07c657ull}, {DType::q4_1, 16, 0xef5c0b555171da9full},
      {DType::q5_0, 8, 0xa30739d0f2a3e7abull}, {DType::q5_0, 16, 0xbbe1235c0da151c7ull},
      {DType::q5_1, 8, 0x39d49b2816ca25f7ull}, {DType::q5_1, 16, 0x085b335cb9076fabull},
      {DType::q8_0, 8, 0x84d8596b1fa325e7ull}, {DType::q8_0, 16, 0x3b8ecef9480babffull},
      {DType::q4_k, 8, 0x7d5021aa4cab8e96ull}, {DType::q4_k, 16, 0x0443c17251c5615aull},
      {DType::q5_k, 8, 0x2817b85ca8c5a382ull}, {DType::q5_k, 16, 0x0c19b9d4a337ad8eull},
      {DType::q6_k, 8, 0xf27bbc414cfe56b1ull}, {DType::q6_k, 16, 0x4f35bfc5f9478fbdull},
  };
  for (const Golden& golden : kGoldens) {
    testing_support::Random random{31};
    const auto weights = random.weights(golden.type, 21, 512);
    const PackedWeights packed = pack(golden.type, weights, 21, 512, golden.lanes, std::make_shared<WeightMemory>());
    EXPECT_EQ(hash_of(packed.bytes), golden.hash)
        << dtype_info(golden.type).name << ", " << golden.lanes << " lanes: raise kPackRevision and take these hashes";
  }
}

}  // namespace
}  // namespace zenith::kernels
