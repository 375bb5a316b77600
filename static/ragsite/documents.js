// Follows documents that a worker has or will have, until each has settled.

const INTERVAL_MS = 2000;
const announcer = document.querySelector("[data-announcer]");

function moving() {
  return [...document.querySelectorAll("[data-document][data-moving]")];
}

async function look() {
  const rows = moving();
  if (!rows.length) return;
  if (!document.hidden) await refresh(rows).catch(() => {});
  setTimeout(look, INTERVAL_MS);
}

async function refresh(rows) {
  const ids = rows.map((row) => `id=${row.dataset.document}`).join("&");
  const response = await fetch(`/documents/statuses/?${ids}`, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  for (const document_ of (await response.json()).documents) {
    show(rows.find((row) => row.dataset.document === document_.id), document_);
  }
}

function show(row, { id, status, words, reason, moving: still, readable }) {
  const pill = row.querySelector(".pill");
  if (pill.dataset.status !== status) announcer.textContent = `${row.querySelector("th").textContent.trim()}: ${words}`;
  pill.dataset.status = status;
  pill.textContent = words;
  row.querySelector("[data-reason]").textContent = reason;
  row.toggleAttribute("data-moving", still);
  if (!still && readable) link(row.querySelector("th"), id);
}

function link(title, id) {
  if (title.querySelector("a")) return;
  const made = document.createElement("a");
  made.href = `/documents/${id}/`;
  made.textContent = title.textContent.trim();
  title.replaceChildren(made);
}

look();
