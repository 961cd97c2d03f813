// The conversation: send, stream, stop, retry. It is kept in this browser only.
import { streamChat } from "./api.js";
import { render } from "./markdown.js";

const byId = (id) => document.getElementById(id);
const STORE = "conversation";

function storedTurns() {
  try {
    const turns = JSON.parse(localStorage.getItem(STORE) || "[]");
    return Array.isArray(turns) ? turns.filter((t) => typeof t?.role === "string" && typeof t.content === "string") : [];
  } catch {
    return []; // what lies there is not ours: start anew
  }
}

export class ChatView {
  constructor() {
    this.turns = storedTurns();
    this.abort = null;
    this.list = byId("messages");
    this.prompt = byId("prompt");

    byId("composer").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    byId("stop").addEventListener("click", () => this.stop());
    byId("new-chat").addEventListener("click", () => this.clear());
    this.prompt.addEventListener("input", () => this.fit());
    this.prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "");
      if (event.key === "Escape") this.stop();
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
    this.turns = [];
    this.list.querySelectorAll(".message").forEach((node) => node.remove());
    this.refresh();
    this.focus();
  }

  stop() { this.abort?.abort(); }

  send() {
    const text = this.prompt.value.trim();
    if (!text || this.abort) return;
    this.prompt.value = "";
    this.fit();
    const turn = { role: "user", content: text };
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
    const messages = this.turns.filter((t) => t.content).map(({ role, content }) => ({ role, content }));
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
        }
        if (chunk.usage) tokens = chunk.usage.completion_tokens;
        if (chunk.timings) turn.figures = figures(chunk.timings);
        byId("stats").textContent = first ? `first token ${(first - started).toFixed(0)} ms` : "";
      }
      if (!turn.figures && tokens) turn.figures = `${tokens} tokens`;
    } catch (error) {
      if (error.name === "AbortError") turn.figures = "stopped";
      else turn.problem = error.message;
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
    const node = byId("message-template").content.firstElementChild.cloneNode(true);
    node.classList.add(turn.role);
    node.querySelector("h3").textContent = turn.role === "user" ? "You" : "Zenith";
    node.querySelector(".copy").addEventListener("click", () => navigator.clipboard?.writeText(turn.content));
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

  refresh() {
    const busy = Boolean(this.abort);
    byId("send").hidden = busy;
    byId("stop").hidden = !busy;
    byId("empty").hidden = this.turns.length > 0;
    const nodes = [...this.list.querySelectorAll(".message")];
    nodes.forEach((node, i) => {
      node.querySelector(".retry").hidden = busy || i + 1 !== nodes.length || !node.classList.contains("assistant");
    });
    this.list.scrollTop = this.list.scrollHeight;
    try {
      localStorage.setItem(STORE, JSON.stringify(this.turns));
    } catch { /* the browser's storage is full: the conversation goes on, unsaved */ }
  }
}

function figures({ predicted_n, predicted_ms }) {
  if (!predicted_n || !predicted_ms) return "";
  return `${predicted_n} tokens · ${(predicted_n / predicted_ms * 1000).toFixed(1)} tokens/s`;
}
