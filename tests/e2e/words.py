"""The one normaliser of transcripts: case, punctuation, and numbers as words, so that "3rd" and "third" are the same word.

usage: words.py   Checks itself.
"""
import re

SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
         "nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth"}
SHORT = {"mr": "mister", "mrs": "missus", "dr": "doctor", "km": "kilometers", "kg": "kilograms", "%": "percent", "&": "and"}


def cardinal(n):
    if n < 20:
        return [SMALL[n]]
    if n < 100:
        return [TENS[n // 10]] + ([SMALL[n % 10]] if n % 10 else [])
    for size, name in ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            return cardinal(n // size) + [name] + (cardinal(n % size) if n % size else [])
    return []


def ordinal(n):
    words = cardinal(n)
    last = words[-1]
    words[-1] = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return words


def year(n):
    """As it is read: nineteen eighty four, nineteen oh five, two thousand, two thousand nine, twenty twenty six."""
    if 2000 <= n <= 2009 or n % 1000 == 0:
        return cardinal(n)
    head, tail = cardinal(n // 100), n % 100
    return head + (["hundred"] if tail == 0 else ["oh", SMALL[tail]] if tail < 10 else cardinal(tail))


def number(match):
    text = match.group(0)
    money = text.startswith("$")
    text = text.lstrip("$")
    if match := re.fullmatch(r"(\d+)(?:st|nd|rd|th)", text):
        words = ordinal(int(match.group(1)))
    elif match := re.fullmatch(r"(\d{1,2}):(\d\d)", text):
        hour, minute = int(match.group(1)), int(match.group(2))
        words = cardinal(hour) + ([] if minute == 0 else ["oh", SMALL[minute]] if minute < 10 else cardinal(minute))
    elif "." in text:
        whole, part = text.replace(",", "").split(".")
        if money:
            words = cardinal(int(whole)) + ["dollars"] + (cardinal(int(part)) + ["cents"] if int(part) else [])
            money = False
        else:
            words = cardinal(int(whole)) + ["point"] + [SMALL[int(d)] for d in part]
    elif "," not in text and 1100 <= int(text) <= 2099 and not money:
        words = year(int(text))
    else:
        words = cardinal(int(text.replace(",", "")))
    return " " + " ".join(words + (["dollars"] if money else [])) + " "


def words(text):
    """A text as the words that are compared."""
    text = text.lower().replace("’", "'").replace("-", " ").replace("–", " ")
    text = re.sub(r"\b([ap])\.?m\b\.?", r"\1m", text)
    text = re.sub(r"\$?\d[\d,]*(?:\.\d+|:\d\d|st\b|nd\b|rd\b|th\b)?(?<!,)", number, text)
    text = text.replace("%", " percent ").replace("&", " and ")
    found = re.findall(r"[a-zà-ÿ']+", text)
    return [SHORT.get(word, word) for word in (w.strip("'") for w in found) if word not in ("", "and")]


def distance(wanted, got):
    """Words that were left out, put in or changed (Levenshtein)."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1]


def check():
    same = [("On March 3rd, 2026.", "on march third twenty twenty six"), ("It cost $1,250.75!", "it cost one thousand two hundred fifty dollars and seventy five cents"),
            ("At 10:30 a.m.", "at ten thirty am"), ("At 9:05 PM", "at nine oh five p.m."), ("1905 and 1999", "nineteen oh five and nineteen ninety nine"),
            ("25%", "twenty-five percent"), ("3.14", "three point one four"), ("the 21st", "the twenty first"), ("$40", "forty dollars"),
            ("12,345 people", "twelve thousand three hundred and forty five people"), ("the 20th", "the twentieth"), ("Dr. Smith", "Doctor Smith")]
    for a, b in same:
        assert words(a) == words(b), (words(a), words(b))
    assert distance("a b c".split(), "a x c d".split()) == 2
    assert distance([], ["a"]) == 1


if __name__ == "__main__":
    check()
