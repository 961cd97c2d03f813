// Small helpers over the document.

export const byId = (id) => document.getElementById(id);

/** A new element: `text` as its text, other properties by name. Nothing is ever parsed as HTML. */
export function element(name, { text, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}

/** A copy of what the template with this id holds. */
export const copyOf = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** One line of words for everyone, also for who hears the page read; "" takes it away. */
export function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}
