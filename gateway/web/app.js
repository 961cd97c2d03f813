// The page's entry: wires the views. No framework, no other host; everything comes from this server.
import { ChatView } from "./chat.js";
import { SystemView } from "./system.js";
import { fetchJson } from "./api.js";

const byId = (id) => document.getElementById(id);
const tabs = [
  { tab: byId("tab-chat"), view: byId("view-chat") },
  { tab: byId("tab-system"), view: byId("view-system") },
];
const system = new SystemView();
const chat = new ChatView();

function show(index, focus) {
  tabs.forEach(({ tab, view }, i) => {
    tab.setAttribute("aria-selected", String(i === index));
    tab.tabIndex = i === index ? 0 : -1;
    view.hidden = i !== index;
  });
  if (focus) tabs[index].tab.focus();
  system.setVisible(index === 1);
}

tabs.forEach(({ tab }, i) => {
  tab.addEventListener("click", () => show(i, false));
  tab.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") show((i + 1) % tabs.length, true);
  });
});
byId("health").addEventListener("click", () => show(1, true));

async function fillModels() {
  const select = byId("model");
  const wanted = localStorage.getItem("model") || select.value;
  const { data } = await fetchJson("/v1/models");
  const names = data.filter((m) => m.kind === "generate" && !m.alias_of).map((m) => m.id);
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(wanted)) select.value = wanted;
  return names.length > 0;
}
byId("model").addEventListener("change", (event) => localStorage.setItem("model", event.target.value));

async function watchHealth() {
  let state = "failed";
  try {
    const ready = await fetchJson("/readyz", { acceptError: true });
    state = ready.status;
    system.setServices(ready.services || []);
    if (state === "ready" && byId("model").options.length === 0) await fillModels();
  } catch (error) {
    state = error.status === 401 ? "key needed" : "unreachable";
  }
  document.querySelector("#health .dot").dataset.state = state === "ready" ? "ready" : state === "unreachable" ? "failed" : "loading";
  byId("health-text").textContent = state;
  setTimeout(watchHealth, state === "ready" ? 5000 : 1000);
}
byId("api-key").addEventListener("change", () => fillModels().catch(() => {}));

watchHealth();
chat.focus();
