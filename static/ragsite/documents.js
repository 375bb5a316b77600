// Follows documents and batches that a worker has or will have, until each has settled.

const INTERVAL_MS = 2000;
const announcer = document.querySelector("[data-announcer]");

function moving(kind) {
  return [...document.querySelectorAll(`[data-${kind}][data-moving]`)];
}

async function look() {
  const rows = moving("document");
  const batches = moving("batch");
  if (!rows.length && !batches.length) return;
  if (!document.hidden) await refresh(rows, batches).catch(() => {});
  setTimeout(look, INTERVAL_MS);
}

async function refresh(rows, batches) {
  const asked = new URLSearchParams();
  for (const row of rows) asked.append("id", row.dataset.document);
  for (const batch of batches) asked.append("batch", batch.dataset.batch);
  const response = await fetch(`/documents/statuses/?${asked}`, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  const seen = await response.json();
  for (const each of seen.documents) showDocument(rows.find((row) => row.dataset.document === each.id), each);
  for (const each of seen.batches) showBatch(batches.find((batch) => batch.dataset.batch === each.id), each);
}

function showDocument(row, { id, status, words, reason, moving: still, readable, progress, fraction, tried }) {
  const pill = row.querySelector(".pill");
  // Stages are spoken as they change; figures change every two seconds and are not.
  if (pill.dataset.status !== status) say(`${row.querySelector("th").textContent.trim()}: ${words}`);
  pill.dataset.status = status;
  pill.textContent = words;
  write(row.querySelector("[data-reason]"), reason);
  write(row.querySelector("[data-progress]"), progress);
  write(row.querySelector("[data-attempts]"), tried);
  const bar = row.querySelector("[data-bar]");
  bar.hidden = fraction === null;
  bar.value = fraction ?? 0;
  row.toggleAttribute("data-moving", still);
  if (!still && readable) link(row.querySelector("th"), id);
}

function showBatch(line, { words, fraction, moving: still }) {
  line.querySelector("progress").value = fraction;
  write(line.querySelector("[data-words]"), words);
  if (!still) say(words);
  line.toggleAttribute("data-moving", still);
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function say(words) {
  announcer.textContent = words;
}

function link(title, id) {
  if (title.querySelector("a")) return;
  const made = document.createElement("a");
  made.href = `/documents/${id}/`;
  made.textContent = title.textContent.trim();
  title.replaceChildren(made);
}

look();
