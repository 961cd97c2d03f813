// The regular expressions of the pre-tokenizers as functions. Each comment gives the expression that the function
// stands for.
#pragma once

#include "tokenizer/pretokenizer.hpp"

namespace zenith::models::rules {

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
void gpt2(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
void llama3(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// llama3 with \p{N} for \p{N}{1,3}
void qwen2(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// qwen2 with [\p{L}\p{M}]+ for \p{L}+ and \p{M} among what punctuation excludes
void qwen35(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
/// ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
void deepseek_v3_words(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// [^\r\n\p{L}\p{N}]?U*V+C?|[^\r\n\p{L}\p{N}]?U+V*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], V = [\p{Ll}\p{Lm}\p{Lo}\p{M}], C = (?i:'s|'t|'re|'ve|'m|'ll|'d)
void gpt4o(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// gpt4o without C and with \p{N} for \p{N}{1,3}
void tekken(const CodeText& text, Piece piece, std::vector<Piece>& out);

void each_digit(const CodeText& text, Piece piece, std::vector<Piece>& out);           ///< \p{N}
void three_digits(const CodeText& text, Piece piece, std::vector<Piece>& out);         ///< \p{N}{1,3}
void digit_runs(const CodeText& text, Piece piece, std::vector<Piece>& out);           ///< \p{N}+
void ascii_digit_triples(const CodeText& text, Piece piece, std::vector<Piece>& out);  ///< [0-9][0-9][0-9]
void each_newline(const CodeText& text, Piece piece, std::vector<Piece>& out);         ///< [\r\n]
void han_kana_runs(const CodeText& text, Piece piece, std::vector<Piece>& out);        ///< [一-龥぀-ゟ゠-ヿ]+
void deepseek_asian_runs(const CodeText& text, Piece piece, std::vector<Piece>& out);  ///< [一-龥ࠀ-一가-퟿]+
void space_letters(const CodeText& text, Piece piece, std::vector<Piece>& out);        ///< \s?\p{L}+
void space_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out);    ///< \s?\p{P}+
void space_cased_letters(const CodeText& text, Piece piece,
                         std::vector<Piece>& out);  ///< \s?[letters with case, as deepseek-llm lists them]+
void space_ascii_marks(const CodeText& text, Piece piece, std::vector<Piece>& out);  ///< \s?[!-/:-~！-／：-～‘-‟　-。]+
void final_space(const CodeText& text, Piece piece, std::vector<Piece>& out);        ///< \s+$
void falcon_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out);   ///< [\p{P}\$\+<=>\^~\|`]+
void default_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out);  ///< [\p{P}\$\+<=>\^~\|]+

}  // namespace zenith::models::rules
