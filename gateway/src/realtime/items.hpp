// The items of a conversation: what was said by whom.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/write.hpp"
#include "realtime/audio.hpp"
#include "realtime/fields.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway::realtime {

enum class PartKind : std::uint8_t { input_text, input_audio, output_text, output_audio };
std::string_view type_of(PartKind kind) noexcept;

struct Part {
  PartKind kind = PartKind::input_text;
  std::string text;                 ///< or the transcript
  bool transcript_pending = false;  ///< of input_audio: not known yet
  bool transcript_failed = false;
};

enum class ItemStatus : std::uint8_t { in_progress, completed, incomplete };

/// Up to where of the transcript, up to which ms of its audio.
struct Spoken {
  std::size_t text_end = 0;
  std::uint64_t audio_ms = 0;
};

struct Item {
  std::string id, role;  ///< system, user, assistant
  std::vector<Part> parts;
  ItemStatus status = ItemStatus::completed;
  std::vector<Spoken> spoken{};  ///< of an assistant's audio, sentence by sentence
  bool in_conversation = true;   ///< else of a response on its own
};

inline constexpr std::size_t kMostItems = 512, kMostParts = 32, kMostText = std::size_t{256} << 10, kMostId = 128;

/// "conversation.item.create"'s item. Audio of its input_audio parts comes out in `audio`, one for each such part, in
/// `encoding`. @returns a problem naming the field.
Read<Item> read_item(const Node& node, Encoding encoding, std::vector<std::string>& audio);

void write_item(JsonWriter& w, const Item& item);

/// Keeps what can have been heard in `audio_ms`: whole sentences, and of the next one as many words as fit its time.
/// @returns invalid_value when the item has less audio. @pre an assistant's item with an output_audio part.
Read<void> truncate(Item& item, std::uint64_t audio_ms);

/// Takes whole sentences off a growing text, so that they can be spoken while the rest is being written.
class SentenceCutter {
 public:
  /// @returns the pieces that are complete now, each with the place where it ends in the whole text.
  struct Piece {
    std::string text;
    std::size_t text_end = 0;
  };
  std::vector<Piece> add(std::string_view text);
  std::vector<Piece> finish();

 private:
  static constexpr std::size_t kLongest = 280, kShortest = 12, kFirstClause = 24;
  std::size_t end_of_piece() const;
  void cut(std::size_t at, std::vector<Piece>& out);
  std::string rest_;
  std::size_t taken_ = 0;
};

}  // namespace zenith::gateway::realtime
