// The console: sends questions, streams answers, keeps one conversation.

import { readEvents } from "./events.js";
import { Exchange } from "./exchange.js";

const thread = document.querySelector("[data-console]");
const exchanges = document.querySelector("[data-exchanges]");
const composer = document.querySelector("[data-composer]");
const field = composer?.elements.question;
const send = composer?.querySelector("[data-send]");
const stop = composer?.querySelector("[data-stop]");

let conversation = thread.dataset.conversation || null;
let running = null;

function announce(words) {
  document.querySelector("[data-announcer]").textContent = words;
}

for (const root of exchanges.children) new Exchange({ root, announce });
exchanges.lastElementChild?.scrollIntoView({ block: "start" });

async function ask(question) {
  const controller = (running = new AbortController());
  const exchange = new Exchange({ question, announce });
  document.querySelector("[data-welcome]").hidden = true;
  exchanges.append(exchange.root);
  exchange.root.scrollIntoView({ block: "start" });
  working(true);
  try {
    await follow(exchange, question, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) exchange.stop();
    else exchange.fail(error instanceof Refusal ? error.message : "The connection to the server was lost. Try again.", error.requestId);
  } finally {
    running = null;
    working(false);
  }
}

async function follow(exchange, question, signal) {
  conversation ??= (await (await post("/api/v1/conversations", {}, signal)).json()).id;
  const response = await post("/api/v1/queries", { question, conversation }, signal);
  for await (const { name, payload } of readEvents(response.body)) {
    const following = atBottom();
    exchange.receive(name, payload);
    if (name === "stage" && payload.name === "input_guardrail" && payload.question) remember(payload.question);
    if (name === "delta" && following) keepInView(exchange.root);
  }
  if (!exchange.settled) throw new Refusal("The connection ended before the answer did. Try again.");
}

/** An answer of the server that is not the one asked for; its message may be shown. */
class Refusal extends Error {
  constructor(message, requestId) {
    super(message);
    this.requestId = requestId;
  }
}

async function post(address, body, signal) {
  const response = await fetch(address, {
    method: "POST",
    headers: {
      "Accept": address.endsWith("queries") ? "text/event-stream" : "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": composer.elements.csrfmiddlewaretoken.value,
    },
    body: JSON.stringify(body),
    signal,
  });
  if (response.ok) return response;
  const error = await response.json().catch(() => ({}));
  throw new Refusal(error.detail ?? `The server answered ${response.status}.`, error.request_id);
}

/** Put a conversation that has its first question at the head of the list. */
function remember(question) {
  const list = document.querySelector("[data-conversations]");
  const address = `/conversations/${conversation}/`;
  if (list.querySelector(`a[href="${address}"]`)) return;
  const link = document.createElement("a");
  link.href = address;
  const words = document.createElement("span");
  words.textContent = question.slice(0, 90);
  link.append(words);
  link.setAttribute("aria-current", "page");
  const item = document.createElement("li");
  item.append(link);
  list.prepend(item);
  document.querySelector("[data-no-conversations]").hidden = true;
  history.replaceState(null, "", address);
}

function atBottom() {
  const page = document.documentElement;
  return page.scrollHeight - page.clientHeight - page.scrollTop < 80;
}

function keepInView(root) {
  // Only as far as its question stays in sight.
  const page = document.documentElement;
  const below = page.scrollHeight - page.clientHeight - page.scrollTop;
  const room = root.getBoundingClientRect().top - document.querySelector(".top").offsetHeight;
  if (room > 0) window.scrollBy(0, Math.min(below, room));
}

function working(busy) {
  send.hidden = busy;
  stop.hidden = !busy;
  // Whoever stopped it from the keyboard goes on there.
  if (!busy && (document.activeElement === document.body || document.activeElement === stop)) field.focus({ preventScroll: true });
}

function submit() {
  const question = field.value.trim();
  if (!question || running) return;
  field.value = "";
  field.placeholder = "Ask a follow-up";
  ask(question);
}

if (composer) {
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener("keydown", (event) => {
    // Enter also accepts a candidate of an input method.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") running?.abort();
  });
  stop.addEventListener("click", () => running?.abort());
  for (const example of document.querySelectorAll("[data-example]")) {
    example.addEventListener("click", () => {
      field.value = example.textContent;
      submit();
    });
  }
  window.addEventListener("pagehide", () => running?.abort());
}
