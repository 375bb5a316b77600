// A citation may point to a passage that stands on another page of a long document.

const perPage = Number(document.querySelector("[data-per-page]").dataset.perPage);

function reveal() {
  const ordinal = /^#passage-(\d{1,9})$/.exec(location.hash)?.[1];
  if (ordinal === undefined) return;
  const passage = document.getElementById(`passage-${ordinal}`);
  if (passage) {
    passage.focus({ preventScroll: true });
    return;
  }
  const from = Math.floor(Number(ordinal) / perPage) * perPage;
  const shown = Number(new URLSearchParams(location.search).get("from") ?? 0);
  const asked = new URLSearchParams(location.search);
  asked.set("from", from);
  if (from !== shown) location.replace(`?${asked}${location.hash}`);
}

reveal();
addEventListener("hashchange", reveal);
