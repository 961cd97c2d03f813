#!/usr/bin/env python3
"""Writes models/src/tokenizer/unicode_data.cpp: the Unicode facts that tokenizers need, as compact ranges.

    pip install unicodedata2==16.0.0 tokenizers==0.23.3
    python scripts/unicode_tables.py            # writes the file
    python scripts/unicode_tables.py --check    # fails if the committed file differs

General categories and White_Space are Unicode 16.0, the version of the regex engine in Hugging Face's `tokenizers`; the script checks
that its \\p{..} and \\s agree on every scalar value.  What BertNormalizer removes, strips and splits at comes from an older table inside
`tokenizers`; models were trained with that one, so it is asked for each code point.  The same goes for lower case and NFD.
"""
import pathlib
import string
import sys

import unicodedata2 as ud
from tokenizers import Regex, normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "models/src/tokenizer/unicode_data.cpp"
CATEGORIES = ["Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
              "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"]
SPACE, BERT_PUNCT, BERT_MARK, BERT_REMOVED = 0x20, 0x40, 0x80, 0xC0
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def regex_members(pattern):
    """The scalar values that the library's regex engine matches."""
    replace = normalizers.Replace(Regex(pattern), "")
    out = set()
    for i in range(0, len(SCALARS), 4096):
        chunk = SCALARS[i:i + 4096]
        kept = {ord(c) for c in replace.normalize_str("".join(map(chr, chunk)))}
        out.update(c for c in chunk if c not in kept)
    return out


def check_engine(spaces):
    for cat in CATEGORIES[1:]:
        if cat == "Cs":
            continue
        ours = {c for c in SCALARS if ud.category(chr(c)) == cat}
        assert regex_members(r"\p{%s}" % cat) == ours, f"the regex engine of tokenizers disagrees on {cat}"
    assert regex_members(r"\s") == spaces, "the regex engine of tokenizers disagrees on white space"


def classes():
    spaces = {9, 10, 11, 12, 13, 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000} | set(range(0x2000, 0x200B))
    check_engine(spaces)
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    split = pre_tokenizers.BertPreTokenizer()
    table = bytearray(0x110000)
    for c in range(0x110000):
        value = CATEGORIES.index(ud.category(chr(c)))
        if c in spaces:
            value |= SPACE
        if not 0xD800 <= c < 0xE000:
            ch = chr(c)
            punct = len(split.pre_tokenize_str("a" + ch + "b")) == 3
            mark = strip.normalize_str(ch) == ""
            removed = clean.normalize_str(ch) == ""
            assert punct + mark + removed <= 1, hex(c)
            value |= BERT_PUNCT if punct else BERT_MARK if mark else BERT_REMOVED if removed else 0
        table[c] = value
    for ch in string.punctuation:
        assert table[ord(ch)] & 0xC0 == BERT_PUNCT
    runs, previous = [], None
    for c, value in enumerate(table):
        if value != previous:
            runs.append(c << 8 | value)
            previous = value
    return runs


def lower_runs():
    """(first, last, step, delta): x -> x + delta for x in first, first + step .. last. U+0130 is left to the reader."""
    lower, pairs = normalizers.Lowercase(), []
    for c in SCALARS:
        low = lower.normalize_str(chr(c))
        if len(low) != 1:
            assert c == 0x130, hex(c)
        elif ord(low) != c:
            pairs.append((c, ord(low) - c))
    runs = []
    for c, delta in pairs:
        if runs:
            first, last, step, d = runs[-1]
            gap = c - last
            if d == delta and gap in (1, 2) and step in (0, gap):
                runs[-1] = (first, c, gap, d)
                continue
        runs.append((c, c, 0, delta))
    return [(f, l, s or 1, d) for f, l, s, d in runs]


def combining_classes():
    """(first, last, class) where NFD reorders; a code point newer than the library's table counts as class 0."""
    nfd, runs = normalizers.NFD(), []
    for c in SCALARS:
        k = ud.combining(chr(c))
        if k == 0:
            continue
        ch = chr(c)
        known = nfd.normalize_str(ch + "\u0334") == "\u0334" + ch if k > 1 else nfd.normalize_str("\u0301" + ch) == ch + "\u0301"
        if len(nfd.normalize_str(ch)) != 1:
            continue
        if not known:
            continue
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == k:
            runs[-1] = (runs[-1][0], c, k)
        else:
            runs.append((c, c, k))
    return runs


def decompositions():
    nfd, out = normalizers.NFD(), []
    for c in SCALARS:
        if 0xAC00 <= c < 0xD7A4:
            continue  # Hangul syllables: by arithmetic
        full = nfd.normalize_str(chr(c))
        if full != chr(c):
            assert len(full) <= 4
            out.append((c, [ord(x) for x in full]))
    return out


def rows(items, width=118):
    lines, line = [], ""
    for item in items:
        if len(line) + len(item) + 1 > width:
            lines.append(line)
            line = ""
        line += item
    return "\n".join(lines + [line])


def main():
    assert ud.unidata_version == "16.0.0", ud.unidata_version
    cls, low, ccc, dec = classes(), lower_runs(), combining_classes(), decompositions()
    flat = []
    for c, seq in dec:
        flat += [c << 3 | len(seq)] + seq
    text = f"""// Generated by scripts/unicode_tables.py from Unicode {ud.unidata_version}. Do not edit.
// clang-format off
#include "tokenizer/unicode_data.hpp"

namespace zenith::models::unicode {{

const std::uint32_t kClassRuns[{len(cls)}] = {{
{rows(f"0x{v:x}," for v in cls)}
}};
const std::size_t kClassRunCount = {len(cls)};

const LowerRun kLowerRuns[{len(low)}] = {{
{rows("{0x%x,0x%x,%d,%d}," % r for r in low)}
}};
const std::size_t kLowerRunCount = {len(low)};

const CombiningRun kCombiningRuns[{len(ccc)}] = {{
{rows("{0x%x,0x%x,%d}," % r for r in ccc)}
}};
const std::size_t kCombiningRunCount = {len(ccc)};

const std::uint32_t kDecompositions[{len(flat)}] = {{
{rows(f"0x{v:x}," for v in flat)}
}};
const std::size_t kDecompositionSize = {len(flat)};

}}  // namespace zenith::models::unicode
"""
    if "--check" in sys.argv:
        sys.exit(0 if OUT.read_text() == text else f"{OUT} is not what this script writes: run it and commit the result")
    OUT.write_text(text)
    print(f"{OUT}: {len(text)} bytes; {len(cls)} class runs, {len(low)} lower, {len(ccc)} combining, {len(dec)} decompositions")


if __name__ == "__main__":
    main()
