"""The texts that tokenizer goldens are made from: hand-picked ones and seeded random Unicode. Imported by tokenizer_goldens.py."""
import random
import unicodedata

PICKED = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\n \n", " \t\n\r\x0b\x0c ", "a", " a", "a ", "  a  b   c    d     ",
    "Hello world", "Hello, World!", "The quick brown fox jumps over the lazy dog.", "hello\nworld\n", "hello \n world", "hello\n\n\n\nworld",
    "I'm you're he's it'd we'll they've don't", "I'M YOU'RE HE'S IT'D WE'LL THEY'VE DON'T", "'s't're've'm'll'd", "'S'T'RE'VE'M'LL'D", "''s '' 's",
    "it\u2019s a \u2018quote\u2019 \u201cdouble\u201d", "x'\u017f y'\u017fa z'\u212a", "1", "12", "123", "1234", "12345", "1234567890", "3.14159",
    "-1,234.56e-7", "2024-01-31T23:59:59Z", "0x1F4A9", "v1.2.3-rc4", "\u00b2\u00b3\u00b9 \u00bc\u00bd\u00be \u2160\u2161 \u0661\u0662\u0663 \u0967\u0968\u0969",
    "user@example.com https://example.com/a/b?c=d&e=%20f#g", "C:\\Users\\x\\file.txt /usr/local/bin", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE",
    "HTTPServer parseHTMLDocument XMLHttpRequest iPhone McDonald O'Neill", "a.b.c,d;e:f!g?h", "...", "!!!", "?!?!", "--- *** ___ ===", "<|im_start|>user<|im_end|>", "<s></s><unk>",
    "def f(x):\n    if x > 0:\n        return x ** 2\n    else:\n        return -x\n", "int main(void) {\n\tprintf(\"%d\\n\", 42);\n\treturn 0;\n}\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i]*c; } // done", "SELECT * FROM t WHERE a='b' AND c<>1;", "{\"key\": [1, 2.5, null, true], \"s\": \"\\u00e9\"}",
    "<html><body class=\"x\">&amp;</body></html>", "#!/bin/sh\nset -e\necho \"$HOME\" | sed 's/a/b/g' > /dev/null 2>&1\n", "let x: Vec<u8> = vec![0; 10]; // \U0001f980",
    "Привет, мир! Как дела?", "Γειά σου Κόσμε, ΑΒΓ άέή", "שלום עולם", "مرحبا بالعالم، كيف حالك؟", "नमस्ते दुनिया, कैसे हो?", "বাংলা ভাষা", "தமிழ் மொழி", "ไทยภาษาไม่มีช่องว่าง", "မြန်မာဘာသာ", "ភាសាខ្មែរ",
    "你好,世界!今天天气很好。", "中文English混合123文本", "こんにちは世界、カタカナとひらがな", "ｶﾀｶﾅ ＡＢＣ１２３！？", "안녕하세요 세계", "한국어ABC123", "Xin chào thế giới", "Çok güzel İstanbul ığüşöç", "Zażółć gęślą jaźń", "Größe Straße ÄÖÜ ẞ",
    "naïve café résumé", "nai\u0308ve cafe\u0301", "a\u0301\u0302\u0303b", "\u0301abc", " \u0301", "e\u0301\u0301\u0301", "\u1e9b\u0323 \u212b \u2126 \ufb01 \ufb03", "Ǆ ǅ ǆ ǈ", "ᾳ ῼ ᾼ",
    "😀", "😀😃😄", "👨‍👩‍👧‍👦 family", "👍🏽 ok", "🇩🇪🇫🇷🇯🇵", "❤️ ♥ ☃", "text😀text 😀 text", "🥰🫠🪿", "①②③ ㊙ ㍿ ™©®", "∑∫√∞≈≠ αβγ", "€100 £5 ¥20 ₹3 ₿", "½ cup, 5° 90%",
    "a\u00a0b\u00a0\u00a0c", "a\u2003b\u2009c\u3000d", "a\u200bb\u200cc\u200dd\ufeffe", "a\u2028b\u2029c", "a\x85b", "\x00", "a\x00b", "\x01\x02\x03\x1b[31m\x7f", "\x1c\x1d\x1e\x1f", "\ufffd", "\ufffd\ufffd a", "\ue000 \U000f0000",
    "tab\tseparated\tvalues\t\t", "trailing spaces   \n", "   leading", "mixed \t \t ws", "line1\r\nline2\r\n\r\nline3", "\r\r\n\n\r", "a\n b\n  c\n   d", "   \n   \n", "x\n\n  y", "x \n\n y", "5 5  5   5", "a1b2c3", "1a 2b", "１２３ ４５", "一二三四五六七八九十",
    "日本語のテキストと English と数字123", "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab" * 60, "0" * 50, "!" * 50, " " * 50, "\n" * 50, "\t" * 20, "é" * 30, "日" * 30, "😀" * 12,
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis", "GPT-4o, Llama-3.1-8B & Qwen2.5-7B-Instruct!", "AbCdEfGh ABCdef abcDEF ABC1def", "日ABC本abc語Abc", "ÀÉÎÕÜàéîõü ŸžŠ", "ʰʱʲ ˠˤ ªº", "Aʰa aʰA ʰA",
    "a/b//c/\n/d", "word/\nword", "!/\r\n", "don''t 'tis 'twas o'clock rock'n'roll", "'", "''", "' '", "'\n", " '", "'x", "a'", "\u2019s", "can't've", "y'all'd've", "'LL'Ve'Re",
    "_foo __bar__ $baz #tag @user ~tilde `code` ^caret |pipe| <a> =b +c", ".a ,b ;c :d !e ?f (g) [h] {i} \"j\"", "...a ..b -c --d", "。、「」『』【】！？：；", "，中文，标点。", "٪ ؟ ، ؛", "a٬b٫c",
    "\u0300", "क्षि", "กำ", "각", "\u1100\u1161\u11a8", "\u11a8\u1161", "\U0001d15e \U0001d1c0", "\U00010400\U00010428 \U0001e900\U0001e922", "\U00013000\U00016a00\U0001f000", "\U00020000\U0002a700\U0002f800\U00030000", "豈更車", "㐀䶵鿿", "ࠀࠁ\u0840", "퟿힣ힰ",
    "The price is $1,299.99 (≈ €1.150,50) — 15% off!", "Email: a.b+c@d-e.co.uk; Tel: +49 (0)30 123456-78", "She said: “Don’t!”—and left… ‘Why?’ «non» ‹oui›", "1.\tItem\n2.\tItem\n\t- sub\n\t\t* subsub", "| a | b |\n|---|:-:|\n| 1 | 2 |\n", "```python\nprint('hi')\n```\n", "$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$",
    "<start_of_turn>user\nhi<end_of_turn>\n", "[INST] hi [/INST]", "[CLS] a [SEP] b [MASK] [UNK] [PAD]", "\u2581under\u2581line", "\u2581\u2581", "<0x0A>", "\u0120hello \u010a", "¡¿ÂÃ", "ĀāĂăĄą ńņň", "\u00ad soft\u00adhyphen",
]

SCRIPTS = [(0x20, 0x7e), (0x20, 0x7e), (0x61, 0x7a), (0x30, 0x39), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x52f), (0x530, 0x6ff), (0x900, 0xdff), (0xe00, 0x10ff), (0x1100, 0x1fff),
           (0x2000, 0x206f), (0x2070, 0x2bff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xa000, 0xabff), (0xf900, 0xffef), (0x10000, 0x10fff), (0x11000, 0x16fff), (0x1d000, 0x1dfff), (0x1f000, 0x1faff), (0x20000, 0x2ffff)]
GLUE = [" ", " ", "  ", "\n", "\t", "\r\n", "'", "'s", "'LL", ".", ",", "!", "/", "-", "_", "1", "23", "456", "a", "the", " of", "A", "ABC", "é", "\u0301", "\u00a0", "\u3000", "\u200d", "😀", "日", "ー", "ん", "\x00", "\x1f", "\x85", "\ufffd", "\u2581", "<", ">", "|"]


def assigned(c):
    return not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"


def random_texts(count=2400, seed=20250101):
    """Three kinds: any scalar value, one script with glue, glue only. Code points assigned in the interpreter's own Unicode only, so that a
    library with newer tables agrees with one with older."""
    rng, out = random.Random(seed), []
    everything = [c for c in range(0x110000) if assigned(c) and not 0xE000 <= c < 0xF900 and c < 0xE0000]
    for i in range(count):
        n = rng.randint(1, 28)
        if i % 3 == 0:
            out.append("".join(chr(rng.choice(everything)) for _ in range(n)))
        elif i % 3 == 1:
            low, high = rng.choice(SCRIPTS)
            members = [c for c in range(low, high + 1) if assigned(c)]
            out.append("".join(rng.choice(GLUE) if rng.random() < 0.35 else chr(rng.choice(members)) for _ in range(n)))
        else:
            out.append("".join(rng.choice(GLUE) for _ in range(n)))
    return out
