// A finished answer as nodes: paragraphs, lists, bold, code and citations, and nothing else. Text only
// ever becomes text nodes, so markup, links and images in an answer stay words to be read.

const CODE_FENCE = /^\s*```/;
const ITEM = /^\s*(?:[-*•]|(\d{1,3})[.)])\s+(.*)$/;
const HEADING = /^\s*#{1,6}\s+(.*)$/;
const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g;

/** Nodes for `text`. `cite(number)` gives the button of a known citation, or null for an unknown one. */
export function renderAnswer(text, cite) {
  const blocks = [];
  const lines = text.split(/\r?\n/);
  while (lines.length) {
    if (!lines[0].trim()) lines.shift();
    else if (CODE_FENCE.test(lines[0])) blocks.push(codeBlock(lines));
    else if (ITEM.test(lines[0])) blocks.push(list(lines, cite));
    else blocks.push(paragraph(lines, cite));
  }
  return blocks;
}

function codeBlock(lines) {
  lines.shift();
  const inside = [];
  while (lines.length && !CODE_FENCE.test(lines[0])) inside.push(lines.shift());
  lines.shift();
  const block = element("pre", []);
  block.append(element("code", [inside.join("\n")]));
  return block;
}

function list(lines, cite) {
  const first = ITEM.exec(lines[0]);
  const items = element(first[1] ? "ol" : "ul", []);
  if (first[1]) items.start = Number(first[1]);
  let match;
  while (lines.length && (match = ITEM.exec(lines[0])) && Boolean(match[1]) === Boolean(first[1])) {
    items.append(element("li", inline(match[2], cite)));
    lines.shift();
  }
  return items;
}

function paragraph(lines, cite) {
  const heading = HEADING.exec(lines[0]);
  if (heading) {
    lines.shift();
    return element("p", [element("strong", inline(heading[1], cite))]);
  }
  const block = element("p", inline(lines.shift(), cite));
  while (lines.length && lines[0].trim() && ![CODE_FENCE, ITEM, HEADING].some((kind) => kind.test(lines[0]))) {
    block.append(element("br", []), ...inline(lines.shift(), cite));
  }
  return block;
}

function inline(text, cite) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(from, match.index), ...inlineNodes(match, cite));
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

function inlineNodes([whole, code, bold, numbers], cite) {
  if (code !== undefined) return [element("code", [code])];
  if (bold !== undefined) return [element("strong", inline(bold, cite))];
  const buttons = numbers.split(",").map((number) => cite(Number(number)));
  return buttons.every(Boolean) ? buttons : [whole];
}

function element(name, children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
