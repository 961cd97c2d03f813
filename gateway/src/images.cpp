#include "images.hpp"

#include <algorithm>
#include <mutex>

#include "http/trace.hpp"
#include "net/fetcher.hpp"

namespace zenith::gateway {
namespace {

struct Gathered {
  Expected<std::vector<Buffer>> images;
};
using GatheredReply = std::function<void(Expected<Gathered>)>;

/// The transfers of one request. Any thread.
class Gathering {
 public:
  Gathering(std::vector<ImageSource> sources, messages::Header header, const Clock& clock, GatheredReply reply)
      : sources_(std::move(sources)),
        header_(std::move(header)),
        clock_(clock),
        images_(sources_.size()),
        reply_(std::move(reply)) {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      images_[i] = sources_[i].bytes;
      if (!sources_[i].https.empty()) ++left_;
    }
  }

  const std::vector<ImageSource>& sources() const noexcept { return sources_; }

  messages::Hop begin(std::size_t which) {
    messages::Hop hop;
    hop.name = "fetch";
    const auto& url = sources_[which].https;
    hop.service = url.substr(8, url.find_first_of("/?#", 8) - 8);
    hop.trace = header_.receipt->span_below(header_.trace);
    hop.begun = clock_.now();
    return hop;
  }
  void end(messages::Hop hop, const Expected<Buffer>& image) {
    hop.ended = clock_.now();
    if (image) {
      hop.spent.bytes = image->size();
    } else {
      hop.error = image.error();
    }
    header_.receipt->add(std::move(hop));
  }

  void arrived(std::size_t which, Expected<Buffer> image) {
    GatheredReply reply;
    Gathered result;
    {
      const std::lock_guard lock(mutex_);
      if (!reply_) return;
      if (!image) {
        Error error = std::move(image.error());
        error.message = sources_[which].field + ": " + error.message;
        error.param = sources_[which].field;
        result.images = tl::make_unexpected(std::move(error));
      } else {
        images_[which] = std::move(*image);
        if (--left_ > 0) return;
        result.images = std::move(images_);
      }
      reply.swap(reply_);
    }
    reply(std::move(result));
  }

 private:
  const std::vector<ImageSource> sources_;
  const messages::Header header_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<Buffer> images_;
  std::size_t left_ = 0;
  GatheredReply reply_;
};

}  // namespace

void with_images(const std::shared_ptr<Call>& call, std::vector<ImageSource> sources,
                 std::function<void(const std::shared_ptr<Call>&, std::vector<Buffer>)> then) {
  bool all_here = true;
  for (const auto& source : sources) all_here = all_here && source.https.empty();
  if (all_here) {
    std::vector<Buffer> images;
    for (auto& source : sources) images.push_back(std::move(source.bytes));
    return then(call, std::move(images));
  }
  const auto cancels = std::make_shared<std::vector<Fetcher::Cancel>>();  // the loop's thread
  auto reply = call->expect<Gathered>([then = std::move(then), cancels](Call& c, Gathered gathered) {
    c.cancel_by_client = nullptr;  // the connection takes the next request
    if (!gathered.images) return c.fail(gathered.images.error());
    if (c.gateway.draining())
      return c.fail({Errc::draining, "the server is shutting down", {}, std::chrono::seconds{5}});
    then(c.shared_from_this(), std::move(*gathered.images));
  });
  const auto gathering =
      std::make_shared<Gathering>(std::move(sources), call->header(), call->gateway.effects.clock(), std::move(reply));
  for (std::size_t i = 0; i < gathering->sources().size(); ++i) {
    const auto& url = gathering->sources()[i].https;
    if (url.empty()) continue;
    auto hop = gathering->begin(i);
    const auto traceparent = has_trace(hop.trace) ? render_traceparent(hop.trace) : std::string{};
    auto done = [gathering, i, hop = std::move(hop)](Expected<Buffer> image) {
      gathering->end(hop, image);
      gathering->arrived(i, std::move(image));
    };
    cancels->push_back(call->gateway.fetcher->fetch(url, std::move(done), traceparent));
  }
  const auto stop_all = [cancels] {
    for (const auto& cancel : *cancels) cancel();
  };
  call->outlet().on_gone = [gone = std::move(call->outlet().on_gone), stop_all] {
    stop_all();
    if (gone) gone();
  };
  call->cancel_by_client = stop_all;  // the transfers then end as cancelled, and the call with them
}

void start_with_images(const std::shared_ptr<Call>& call, Draft draft, Framing framing) {
  if (draft.images.empty()) return Generation::start(call, std::move(draft), Shape::chat, framing);
  std::vector<ImageSource> sources;
  for (auto& image : draft.images) sources.push_back(std::move(image.source));
  with_images(call, std::move(sources),
              [draft = std::move(draft), framing](const std::shared_ptr<Call>& c, std::vector<Buffer> images) {
                Draft whole = draft;
                for (std::size_t i = 0; i < images.size(); ++i) {
                  const auto& at = draft.images[i];
                  whole.generate.staged.push_back({at.message, at.part, messages::ImagePart{std::move(images[i])}});
                }
                // Sensors are there already: all in the order of the chat.
                std::sort(whole.generate.staged.begin(), whole.generate.staged.end(), [](const auto& x, const auto& y) {
                  return std::pair{x.message, x.part} < std::pair{y.message, y.part};
                });
                Generation::start(c, std::move(whole), Shape::chat, framing);
              });
}

}  // namespace zenith::gateway
