// Token bytes to text that may be sent: never half a UTF-8 character, never the start of a stop string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zenith::models {

/// One choice's output. One thread.
class TextStream {
 public:
  /// @param stop strings that end the text; the text before the match is kept, the match is not. The one that is
  /// complete first wins, the longer if two end together; empty ones are ignored. At most the longest stop string and
  /// one character are held back.
  explicit TextStream(std::vector<std::string> stop);

  struct Out {
    std::string text;      ///< safe to send now; valid UTF-8
    bool stopped = false;  ///< a stop string matched: nothing follows
  };
  Out push(std::string_view bytes);
  Out finish();  ///< what was held back; an incomplete character becomes U+FFFD

 private:
  std::vector<std::string> stop_;
  std::string held_;
  bool stopped_ = false;
};

/// Splits `<think>…</think>` (tags of a model) from the answer, across pushes; the result does not depend on how the
/// text was split. Only an opening tag at the beginning (after blanks) counts. Newlines next to the tags belong to
/// neither part.
class ReasoningSplitter {
 public:
  /// @param starts_inside the prompt already ended with the opening tag.
  ReasoningSplitter(std::string open, std::string close, bool starts_inside);
  struct Out {
    std::string reasoning, content;
  };
  Out push(std::string_view text);
  Out finish();

 private:
  std::string open_, close_, held_;
  enum class At { start, inside, after } at_;
  bool trim_;  // newlines are dropped until something else comes

  bool leave_start();                         // false: more text is needed
  bool leave_inside(std::string& reasoning);  // false: the closing tag is not there yet
};

}  // namespace zenith::models
