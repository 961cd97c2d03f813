// The page's entry: wires the views. No framework, no other host; everything comes from this server.
import { fetchJson } from "./api.js";
import { ChatView } from "./chat.js";
import { byId } from "./dom.js";
import { Offers } from "./offers.js";
import { wirePicture } from "./picture.js";
import { SensorsView } from "./sensors.js";
import { SystemView } from "./system.js";

const offers = new Offers();
const system = new SystemView(offers);
const chat = new ChatView(offers, () => { asked = ""; });
const sensors = new SensorsView((id, window) => { show("chat"); chat.addSensor(id, window); });
wirePicture(offers);

const tabs = ["chat", "sensors", "system"].map((name) => ({ name, tab: byId(`tab-${name}`), view: byId(`view-${name}`) }));
let current = "chat";

function show(name, focus = false) {
  current = name;
  for (const { name: other, tab, view } of tabs) {
    tab.setAttribute("aria-selected", String(other === name));
    tab.tabIndex = other === name ? 0 : -1;
    view.hidden = other !== name;
    if (focus && other === name) tab.focus();
  }
  system.setVisible(name === "system");
  sensors.setVisible(name === "sensors");
}

for (const { name, tab } of tabs) {
  tab.addEventListener("click", () => show(name));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const there = tabs.filter((t) => !t.tab.hidden), at = there.findIndex((t) => t.name === name);
    show(there[(at + step + there.length) % there.length].name, true);
  });
}
byId("health").addEventListener("click", () => show("system", true));

offers.onChange(() => {
  byId("tab-sensors").hidden = !offers.has("sensors");
  if (current === "sensors" && !offers.has("sensors")) show("chat");
});

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

const ASK_AGAIN_MS = 30_000;
let asked = "", askedAt = 0; // the services as they were when the server was last asked what it offers, and when that was

async function watchHealth() {
  let state = "failed";
  try {
    const ready = await fetchJson("/readyz", { acceptError: true });
    const services = ready.services || [];
    state = ready.status;
    system.setServices(services);
    if (state === "ready" && byId("model").options.length === 0) await fillModels();
    const now = JSON.stringify(services.map(({ role, id, status, model }) => [role, id, status, model]));
    if (now !== asked || performance.now() - askedAt > ASK_AGAIN_MS) {
      await offers.refresh(services);
      asked = now;
      askedAt = performance.now();
    }
  } catch (error) {
    state = error.status === 401 ? "key needed" : "unreachable";
  }
  document.querySelector("#health .dot").dataset.state = state === "ready" ? "ready" : state === "unreachable" ? "failed" : "loading";
  byId("health-text").textContent = state;
  setTimeout(watchHealth, state === "ready" ? 5000 : 1000);
}
byId("api-key").addEventListener("change", () => { asked = ""; fillModels().catch(() => {}); });

watchHealth();
chat.focus();
