// Helps to type names: offers those of this organisation that go on from what was typed.

const WAIT_MS = 150;

for (const input of document.querySelectorAll("[data-suggest]")) {
  let waiting;
  let latest = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => suggest(input, ++latest, () => latest).catch(() => {}), WAIT_MS);
  });
}

async function suggest(input, number, latest) {
  const typed = input.value.trim();
  if (!typed) return;
  const query = new URLSearchParams({ kind: input.dataset.suggest, q: typed });
  const response = await fetch(`/access/names/?${query}`, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  const { names } = await response.json();
  // An answer that was overtaken by a later one says nothing any more.
  if (number !== latest()) return;
  input.list.replaceChildren(...names.map(option));
}

function option({ value, label }) {
  const made = document.createElement("option");
  made.value = value;
  made.label = label ? `${value} (${label})` : value;
  return made;
}
