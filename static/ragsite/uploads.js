// The upload form: files may be dropped onto the page, and large or many ones are sent in parts, each with
// its progress. Without this script the form sends them as it stands.

import { Refused, cancel, sendFile } from "./tus.js";

const LARGE_BYTES = 8 * 1024 * 1024;
const PLAIN_FILES_MAX = 20;
const AT_ONCE = 2;

const form = document.querySelector("[data-upload]");
const list = document.querySelector("[data-sending]");
const announcer = document.querySelector("[data-announcer]");

function wire() {
  const chosen = form.elements.chosen;
  form.querySelector("[data-with-script]").hidden = false;
  form.addEventListener("submit", (event) => {
    const files = [...chosen.files];
    if (files.length <= PLAIN_FILES_MAX && files.every((file) => file.size <= LARGE_BYTES)) return;
    event.preventDefault();
    sendAll(files);
    form.reset();
  });
  const target = document.getElementById("main");
  target.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.toggleAttribute("data-over", true);
  });
  target.addEventListener("dragleave", (event) => {
    if (!target.contains(event.relatedTarget)) form.removeAttribute("data-over");
  });
  target.addEventListener("drop", (event) => {
    form.removeAttribute("data-over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    chosen.files = event.dataTransfer.files;
    chosen.focus();
  });
}

async function sendAll(files) {
  const about = {
    collection: form.elements.collection.value,
    sensitivity: form.elements.sensitivity.selectedOptions[0].text.toLowerCase(),
  };
  const token = form.elements.csrfmiddlewaretoken.value;
  list.hidden = false;
  const waiting = files.map((file) => row(file, about, token));
  list.append(...waiting.map(({ element }) => element));
  const outcomes = [];
  const work = async () => {
    while (waiting.length) outcomes.push(await waiting.shift().send());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const taken = outcomes.filter(Boolean).length;
  announcer.textContent = `${taken} of ${outcomes.length} files were taken in.`;
  // Their rows stand in the table then; what failed stays readable here.
  if (taken === outcomes.length) location.assign(location.pathname);
}

function row(file, about, token) {
  const element = document.createElement("li");
  const name = made("span", "sending-name", file.name);
  const bar = document.createElement("progress");
  bar.max = file.size;
  bar.value = 0;
  bar.setAttribute("aria-label", file.name);
  const words = made("span", "sending-words", "Waiting");
  const stop = made("button", "button", "Cancel");
  stop.type = "button";
  stop.setAttribute("aria-label", `Cancel ${file.name}`);
  element.append(name, bar, words, stop);

  const stopping = new AbortController();
  stop.addEventListener("click", () => stopping.abort());
  const say = (state, text) => {
    element.dataset.state = state;
    words.textContent = text;
  };
  const progress = (sent) => {
    bar.value = sent;
    say("sending", sent < file.size ? `${size(sent)} of ${size(file.size)}` : "Being taken in");
  };
  const send = async () => {
    if (stopping.signal.aborted) return say("stopped", "Cancelled");
    try {
      progress(0);
      await sendFile(file, { about, token, progress, signal: stopping.signal });
      say("taken", "Taken in");
      return true;
    } catch (error) {
      if (stopping.signal.aborted) {
        await cancel(file, about, token);
        say("stopped", "Cancelled");
      } else if (error instanceof Refused) {
        await cancel(file, about, token);
        say("failed", error.message);
      } else {
        say("failed", "The connection was lost. Choose the same file again to go on from here.");
      }
      return false;
    } finally {
      stop.remove();
    }
  };
  return { element, send };
}

function made(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

if (form && list) wire();
