// A safe subset of Markdown as DOM nodes: fenced code, inline code, bold, italics. Nothing is ever parsed as HTML.

const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*)/;

function inline(text) {
  return text.split(INLINE).filter(Boolean).map((part) => {
    if (part.length > 2 && part.startsWith("`") && part.endsWith("`")) return element("code", part.slice(1, -1));
    if (part.length > 4 && part.startsWith("**") && part.endsWith("**")) return element("strong", part.slice(2, -2));
    if (part.length > 2 && part.startsWith("*") && part.endsWith("*")) return element("em", part.slice(1, -1));
    return document.createTextNode(part);
  });
}

function element(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

/** @returns nodes for `text`; an unclosed fence runs to the end, as it does while an answer streams in. */
export function render(text) {
  const nodes = [];
  text.split(/^```/m).forEach((part, i) => {
    if (i % 2 === 0) {
      if (part) nodes.push(...inline(i > 0 ? part.replace(/^\n/, "") : part));
      return;
    }
    const newline = part.indexOf("\n");
    const pre = document.createElement("pre");
    pre.append(element("code", newline < 0 ? "" : part.slice(newline + 1).replace(/\n$/, "")));
    nodes.push(pre);
  });
  return nodes;
}
