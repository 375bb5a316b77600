// The cards of the passages that an answer rests on.

import { excerptOf, quoteNodes, rangesIn, sentencesByNumber } from "./quotes.js";

const template = document.querySelector("[data-source-template]");

export class Sources {
  constructor(root) {
    this.root = root;
    this.cited = root.querySelector("[data-cited]");
    this.uncited = root.querySelector("[data-uncited]");
    this.heading = root.querySelector("[data-sources-heading]");
    this.known = [];
    this.returnTo = null;
    root.addEventListener("keydown", (event) => this.leave(event));
  }

  /** What is being read, before the first word of the answer. */
  name(citations) {
    this.known = citations;
    if (citations.length) this.list(citations, [], `Reading ${count(citations.length, "passage")}`, new Map());
  }

  /** What the finished answer cites; the rest was read and not cited. */
  settle(citations, answer) {
    const numbers = new Set(citations.map((citation) => citation.number));
    const rest = this.known.filter((citation) => !numbers.has(citation.number));
    this.known = citations;
    this.list(citations, rest, count(citations.length, "source"), sentencesByNumber(answer));
  }

  list(cited, rest, heading, sentences) {
    this.root.hidden = cited.length + rest.length === 0;
    this.heading.textContent = heading;
    this.cited.replaceChildren(...cited.map((citation) => card(citation, sentences.get(citation.number) ?? [])));
    this.uncited.hidden = rest.length === 0;
    this.uncited.querySelector("summary").textContent = `${count(rest.length, "more passage")} read, not cited`;
    this.uncited.querySelector("ol").replaceChildren(...rest.map((citation) => card(citation, [])));
  }

  /** Count the cards that the server rendered. */
  reopen() {
    const cards = this.cited.children.length;
    this.heading.textContent = count(cards, "source");
    return cards;
  }

  clear() {
    this.known = [];
    this.cited.replaceChildren();
    this.uncited.querySelector("ol").replaceChildren();
    this.root.hidden = true;
  }

  /** The button of a citation in the text, or null when no card has that number. */
  button(number) {
    if (!this.cited.querySelector(`[data-number="${number}"]`)) return null;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cite";
    button.textContent = String(number);
    button.setAttribute("aria-label", `Source ${number}`);
    button.addEventListener("click", () => this.focus(number, button));
    return button;
  }

  focus(number, from) {
    this.returnTo = from;
    const chosen = this.cited.querySelector(`[data-number="${number}"]`);
    chosen.focus({ preventScroll: true });
    chosen.scrollIntoView({ block: "nearest" });
  }

  leave(event) {
    if (event.key !== "Escape" || !this.returnTo) return;
    event.stopPropagation();
    this.returnTo.focus();
    this.returnTo = null;
  }
}

function card(citation, sentences) {
  const made = template.content.firstElementChild.cloneNode(true);
  const part = (name) => made.querySelector(`[data-source-${name}]`);
  made.dataset.number = citation.number;
  part("number").textContent = citation.number;
  part("title").textContent = citation.title;
  part("place").textContent = [citation.page ? `Page ${citation.page}` : "", headingWithin(citation)].filter(Boolean).join(" · ");
  part("link").href = localPath(citation.url);
  part("link").querySelector("span").textContent = ` ${citation.number}`;
  quote(part("quote"), part("more"), citation.quote.replace(/\n{2,}/g, "\n"), sentences);
  return made;
}

/** The path of headings below the document's title, which stands above it already. */
function headingWithin({ heading, title }) {
  const path = heading.split(" > ");
  return (path[0] === title ? path.slice(1) : path).join(" › ");
}

function quote(block, more, passage, sentences) {
  if (!passage) return;
  const ranges = rangesIn(passage, sentences);
  const excerpt = excerptOf(passage, ranges);
  const whole = [0, passage.length];
  const show = (extent) => block.replaceChildren(...quoteNodes(passage, ranges, extent));
  block.hidden = false;
  show(excerpt);
  more.hidden = excerpt[1] - excerpt[0] === passage.length;
  more.addEventListener("click", () => {
    const open = more.getAttribute("aria-expanded") !== "true";
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? "Show less" : "Show all of it";
    show(open ? whole : excerpt);
  });
}

/** An address on this site, whatever came. */
function localPath(url) {
  const address = new URL(url, location.origin);
  return address.origin === location.origin ? address.pathname + address.search + address.hash : "/";
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
