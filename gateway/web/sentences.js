// From an answer that is still being written to sentences that can be spoken. No document, no network.

const END = /[.!?…]+["'”’)\]*_]*(?=\s)|[。！？]|\n+/g;
const NO_END = /(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No)|^\s*\d+)\.$/;
const FENCE = /^```/m;
const LONGEST = 300; // characters; what is longer is cut at a comma or a space

/** What is left to be said of Markdown: words, no marks. */
function plain(text) {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/^\s*(?:#+|[-*+>]|\d+\.)\s+/gm, "").replace(/[*_`]+/g, "").replace(/\s+/g, " ").trim();
}

function cut(sentence) {
  const pieces = [];
  while (sentence.length > LONGEST) {
    const head = sentence.slice(0, LONGEST);
    const at = Math.max(head.lastIndexOf(", ") + 1, head.lastIndexOf("; ") + 1) || head.lastIndexOf(" ") || LONGEST;
    pieces.push(sentence.slice(0, at > 0 ? at : LONGEST).trim());
    sentence = sentence.slice(at > 0 ? at : LONGEST).trim();
  }
  return sentence ? [...pieces, sentence] : pieces;
}

export class Sentences {
  constructor() { this.at = 0; } // how much of the text was taken

  /** @param text the answer so far; only grows. @param whole nothing more will come. @returns the sentences that are new; code is left out. */
  take(text, whole = false) {
    const found = [];
    for (;;) {
      const rest = text.slice(this.at);
      if (FENCE.exec(rest)?.index === 0) {
        const close = rest.indexOf("\n```", 3);
        const end = close < 0 ? -1 : rest.indexOf("\n", close + 4);
        if (end < 0) { if (whole) this.at = text.length; return found; }
        this.at += end + 1;
        continue;
      }
      const fence = FENCE.exec(rest)?.index ?? -1;
      let end = -1;
      for (const match of rest.matchAll(END)) {
        end = match.index + match[0].length;
        if (!NO_END.test(rest.slice(0, end))) break;
        end = -1;
      }
      if (fence > 0 && (end < 0 || end > fence)) end = fence;
      if (end < 0 && whole && rest) end = rest.length;
      if (end < 0) return found;
      this.at += end;
      const sentence = plain(rest.slice(0, end));
      if (/[\p{L}\p{N}]/u.test(sentence)) found.push(...cut(sentence));
    }
  }
}
