// Which words of a passage an answer repeats, so that a reader finds them at once.

const MARKS = /((?:\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\])+)/;
const SENTENCE_CHARS_MIN = 12;
const EXCERPT_CHARS = 340;
const LEAD_CHARS = 90;

/** Map from citation number to the sentences of the answer that carry it. */
export function sentencesByNumber(answer) {
  const found = new Map();
  const parts = answer.split(MARKS);
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const sentences = parts[i].split(/(?<=[.!?])\s+|\n+/).map(withoutMarkup).filter((s) => s.length >= SENTENCE_CHARS_MIN);
    for (const [number] of parts[i + 1].matchAll(/\d+/g)) {
      found.set(Number(number), [...(found.get(Number(number)) ?? []), ...sentences]);
    }
  }
  return found;
}

function withoutMarkup(sentence) {
  return sentence.replace(/^\s*(?:[-*•]|\d{1,3}[.)])\s+/, "").replaceAll("**", "").trim();
}

/** Ranges [start, end) of `passage` that repeat one of `sentences`, in order, none touching another. */
export function rangesIn(passage, sentences) {
  const ranges = [];
  for (const sentence of sentences) {
    const words = sentence.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const match = new RegExp(words.join("\\s+")).exec(passage);
    if (match) ranges.push([match.index, match.index + match[0].length]);
  }
  return ranges.sort((a, b) => a[0] - b[0]).filter((range, i, all) => i === 0 || range[0] >= all[i - 1][1]);
}

/** Where a short excerpt of `passage` begins and ends: around its first range, at word boundaries. */
export function excerptOf(passage, ranges) {
  if (passage.length <= EXCERPT_CHARS * 1.3) return [0, passage.length];
  const [first] = ranges.length ? ranges[0] : [0];
  let start = Math.max(0, first - LEAD_CHARS);
  if (start) start = passage.indexOf(" ", start) + 1 || start;
  let end = Math.max(start + EXCERPT_CHARS, ranges.length ? ranges[0][1] : 0);
  if (end < passage.length) end = passage.lastIndexOf(" ", end) > start ? passage.lastIndexOf(" ", end) : end;
  return [start, Math.min(end, passage.length)];
}

/** Nodes for `passage` from `start` to `end`, its ranges marked and its cuts shown. */
export function quoteNodes(passage, ranges, [start, end]) {
  const nodes = start ? ["… "] : [];
  let from = start;
  for (const [a, b] of ranges) {
    if (a < from || b > end) continue;
    const mark = document.createElement("mark");
    mark.append(passage.slice(a, b));
    nodes.push(passage.slice(from, a), mark);
    from = b;
  }
  nodes.push(passage.slice(from, end));
  if (end < passage.length) nodes.push(" …");
  return nodes;
}
