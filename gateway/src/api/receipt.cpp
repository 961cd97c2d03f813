#include "api/receipt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/write.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

void write_hop(JsonWriter& w, const messages::Hop& hop) {
  w.begin_object().key("hop").string(hop.name).key("service").string(utf8_lossy(hop.service));
  w.key("model").string(utf8_lossy(hop.model)).key("generation").string(generation_text(hop.generation));
  w.key("attempt").integer(hop.attempt).key("total_us").integer(static_cast<std::int64_t>(total_us(hop)));
  w.key("queue_us").integer(hop.spent.queue_us).key("compute_us").integer(hop.spent.compute_us);
  w.key("transfer_us").integer(static_cast<std::int64_t>(transfer_us(hop)));
  w.key("bytes").integer(static_cast<std::int64_t>(hop.spent.bytes)).key("copies").integer(hop.spent.copies);
  if (hop.prompt_tokens + hop.completion_tokens > 0) {
    w.key("prompt_tokens").integer(hop.prompt_tokens).key("completion_tokens").integer(hop.completion_tokens);
  }
  if (hop.error) w.key("error").string(to_string(hop.error->code));
  w.end_object();
}

}  // namespace

std::uint64_t total_us(const messages::Hop& hop) noexcept {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(hop.ended - hop.begun).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
}

std::uint64_t transfer_us(const messages::Hop& hop) noexcept {
  const std::uint64_t inside = std::uint64_t{hop.spent.queue_us} + hop.spent.compute_us;
  const std::uint64_t all = total_us(hop);
  return all > inside ? all - inside : 0;
}

std::string generation_text(Generation generation) { return fmt::format("{:016x}", generation.value); }

std::string zenith_json(const std::vector<std::string>& path, const std::string& request_id,
                        const messages::Receipt* receipt) {
  JsonWriter w;
  w.begin_object();
  if (!path.empty()) {
    w.key("modality_path").begin_array();
    for (const auto& step : path) w.string(step);
    w.end_array();
  }
  if (receipt != nullptr) {
    w.key("request_id").string(request_id).key("receipt").begin_array();
    for (const auto& hop : receipt->hops()) write_hop(w, hop);
    w.end_array();
    if (const auto left_out = receipt->left_out(); left_out > 0) {
      w.key("hops_left_out").integer(static_cast<std::int64_t>(left_out));
    }
  }
  w.end_object();
  return w.take();
}

std::string with_member(std::string body, const std::string& member) {
  const bool empty = body.find_first_not_of(" \n", 1) == body.size() - 1;
  return body.insert(body.size() - 1, (empty ? "" : ",") + member);
}

}  // namespace zenith::gateway
