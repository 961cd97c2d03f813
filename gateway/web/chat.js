// The conversation: send, stream, stop, retry. It is kept in this browser only.
import { streamChat } from "./api.js";
import { Attachments, chip, wirePart } from "./attachments.js";
import { byId, copyOf, element, notice } from "./dom.js";
import { render } from "./markdown.js";
import { Microphone } from "./microphone.js";
import { SpokenReplies } from "./spoken.js";
import { loadTurns, storeTurns } from "./turns.js";

export class ChatView {
  /** @param offers an Offers. @param onFailed called when the server did not do what it offers. */
  constructor(offers, onFailed) {
    this.turns = loadTurns();
    this.abort = null;
    this.offers = offers;
    this.list = byId("messages");
    this.prompt = byId("prompt");
    this.insert = (text) => this.insertText(text);
    this.attachments = new Attachments(offers, this.insert);
    this.spoken = new SpokenReplies(offers, { onState: () => this.showControls(), onFailed });
    this.microphone = new Microphone({ onStart: () => this.spoken.stop(), onText: this.insert, onFailed, model: () => offers.hearing });
    offers.onChange(() => this.showControls());

    byId("composer").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    byId("stop").addEventListener("click", () => this.stop());
    byId("new-chat").addEventListener("click", () => this.clear());
    this.prompt.addEventListener("input", () => this.fit());
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "");
      if (event.key === "Escape" && !byId("picture").open) this.stop();
      if (event.key === "/" && !typing) { event.preventDefault(); this.focus(); }
    });
    document.querySelectorAll(".starters button").forEach((button) => {
      button.addEventListener("click", () => { this.prompt.value = button.textContent; this.send(); });
    });
    for (const id of ["system", "temperature", "max-tokens", "seed"]) {
      const input = byId(id), saved = localStorage.getItem(`setting.${id}`);
      if (saved !== null) input.value = saved;
      input.addEventListener("change", () => localStorage.setItem(`setting.${id}`, input.value));
    }
    this.turns.forEach((turn) => this.add(turn));
    this.refresh();
  }

  focus() { this.prompt.focus(); }

  fit() {
    this.prompt.style.height = "auto";
    this.prompt.style.height = `${this.prompt.scrollHeight}px`;
  }

  clear() {
    this.stop();
    notice("");
    this.attachments.take();
    this.turns = [];
    this.list.querySelectorAll(".message").forEach((node) => node.remove());
    this.refresh();
    this.focus();
  }

  /** Everything that goes on: the answer, its speech, a recording. */
  stop() {
    this.abort?.abort();
    this.spoken.stop();
    this.microphone.cancel();
  }

  /** Where the cursor is, as a word of its own. */
  insertText(text) {
    const { value, selectionStart: at } = this.prompt;
    this.prompt.setRangeText(at > 0 && !/\s/.test(value[at - 1]) ? ` ${text}` : text, at, this.prompt.selectionEnd, "end");
    this.fit();
    this.focus();
  }

  addSensor(id, window) {
    this.attachments.addSensor(id, window);
    this.focus();
  }

  send() {
    const text = this.prompt.value.trim();
    if ((!text && !this.attachments.parts.length) || this.abort) return;
    notice("");
    this.prompt.value = "";
    this.fit();
    const parts = this.attachments.take();
    const turn = { role: "user", content: text, ...(parts.length ? { parts } : {}) };
    this.turns.push(turn);
    this.add(turn);
    this.answer();
  }

  retry() {
    if (this.abort || this.turns.at(-1)?.role !== "assistant") return;
    this.turns.pop();
    [...this.list.querySelectorAll(".message")].at(-1).remove();
    this.answer();
  }

  request() {
    const system = byId("system").value.trim();
    const seed = byId("seed").value;
    const messages = this.turns.map(({ role, content, parts = [] }) => {
      const sent = parts.filter((part) => !part.lost).map(wirePart);
      return { role, content: sent.length === 0 ? content : content ? [...sent, { type: "text", text: content }] : sent };
    }).filter(({ content }) => content);
    return {
      model: byId("model").value || undefined,
      messages: system ? [{ role: "system", content: system }, ...messages] : messages,
      temperature: Number(byId("temperature").value),
      max_tokens: Number(byId("max-tokens").value),
      ...(seed === "" ? {} : { seed: Number(seed) }),
    };
  }

  async answer() {
    const turn = { role: "assistant", content: "", reasoning: "", figures: "" };
    const request = this.request();
    this.turns.push(turn);
    this.spoken.begin();
    const node = this.add(turn);
    node.classList.add("streaming");
    this.abort = new AbortController();
    this.refresh();
    const started = performance.now();
    let first = 0, tokens = 0;
    try {
      for await (const chunk of streamChat(request, this.abort.signal)) {
        const delta = chunk.choices[0]?.delta;
        if (delta?.content || delta?.reasoning_content) {
          first ||= performance.now();
          turn.content += delta.content || "";
          turn.reasoning += delta.reasoning_content || "";
          this.paint(node, turn);
          this.spoken.grow(turn.content);
        }
        if (chunk.usage) tokens = chunk.usage.completion_tokens;
        if (chunk.timings) turn.figures = figures(chunk.timings);
        byId("stats").textContent = first ? `first token ${(first - started).toFixed(0)} ms` : "";
      }
      if (!turn.figures && tokens) turn.figures = `${tokens} tokens`;
      this.spoken.grow(turn.content, true);
    } catch (error) {
      if (error.name === "AbortError") turn.figures = "stopped";
      else {
        turn.problem = error.message;
        this.spoken.stop();
      }
    } finally {
      this.abort = null;
      node.classList.remove("streaming");
      if (first) turn.figures = [`first token ${(first - started).toFixed(0)} ms`, turn.figures].filter(Boolean).join(" · ");
      byId("stats").textContent = "";
      this.paint(node, turn);
      this.refresh();
    }
  }

  add(turn) {
    const node = copyOf("message-template");
    node.classList.add(turn.role);
    node.querySelector("h3").textContent = turn.role === "user" ? "You" : "Zenith";
    node.querySelector(".copy").addEventListener("click", () => navigator.clipboard?.writeText(turn.content));
    node.querySelector(".listen").addEventListener("click", () => this.spoken.read(turn.content));
    if (turn.parts?.length) {
      node.querySelector(".content").before(element("ul", { className: "chips" }, ...turn.parts.map((part) => element("li", {}, chip(part, this.insert)))));
    }
    node.querySelector(".retry").addEventListener("click", () => this.retry());
    this.paint(node, turn);
    this.list.append(node);
    return node;
  }

  paint(node, turn) {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    node.querySelector(".content").replaceChildren(...render(turn.content));
    const reasoning = node.querySelector(".reasoning");
    reasoning.hidden = !turn.reasoning;
    reasoning.lastElementChild.textContent = turn.reasoning || "";
    node.querySelector(".figures").textContent = turn.figures || "";
    node.classList.toggle("failed", Boolean(turn.problem));
    if (turn.problem) {
      const problem = document.createElement("p");
      problem.className = "problem";
      problem.setAttribute("role", "alert");
      problem.textContent = turn.problem;
      node.querySelector(".content").append(problem);
    }
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  /** What can be pressed now. */
  showControls() {
    const busy = Boolean(this.abort), speech = this.offers.has("speech");
    byId("send").hidden = busy;
    byId("stop").hidden = !busy && !this.spoken.speaking;
    byId("speak").hidden = byId("voice-setting").hidden = !speech;
    byId("record").hidden = !this.offers.has("hearing");
    byId("add-picture").hidden = !this.offers.has("pictures");
    for (const node of this.list.querySelectorAll(".message.assistant .listen")) node.hidden = !speech;
  }

  refresh() {
    const busy = Boolean(this.abort);
    this.showControls();
    byId("empty").hidden = this.turns.length > 0;
    const nodes = [...this.list.querySelectorAll(".message")];
    nodes.forEach((node, i) => {
      node.querySelector(".retry").hidden = busy || i + 1 !== nodes.length || !node.classList.contains("assistant");
    });
    this.list.scrollTop = this.list.scrollHeight;
    storeTurns(this.turns);
  }
}

function figures({ predicted_n, predicted_ms }) {
  if (!predicted_n || !predicted_ms) return "";
  return `${predicted_n} tokens · ${(predicted_n / predicted_ms * 1000).toFixed(1)} tokens/s`;
}
