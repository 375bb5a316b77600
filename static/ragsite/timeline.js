// Which step of the flow took how long.

const words = JSON.parse(document.querySelector("#stage-words")?.textContent ?? "{}");

export class Timeline {
  constructor(root) {
    this.root = root;
    this.stages = root.querySelector("[data-timeline-stages]");
    this.taken = new Map();
    for (const item of this.stages.children) this.taken.set(item.dataset.words, Number(item.dataset.ms));
  }

  /** Add time to a stage; the same stage comes once a piece while an answer is written. */
  add(stage, ms) {
    const name = words[stage] ?? stage;
    this.taken.set(name, (this.taken.get(name) ?? 0) + (ms ?? 0));
  }

  show(summary, totalMs) {
    const longest = Math.max(...this.taken.values(), 0.1);
    this.root.hidden = this.taken.size === 0;
    this.root.querySelector("[data-timeline-total]").textContent = `${summary} in ${duration(totalMs)}`;
    this.stages.replaceChildren(...[...this.taken].map(([name, ms]) => line(name, ms, ms / longest)));
  }
}

function line(name, ms, share) {
  const item = document.createElement("li");
  const [label, track, bar, time] = ["span", "span", "div", "span"].map((tag) => document.createElement(tag));
  label.textContent = name;
  bar.className = "bar";
  bar.style.setProperty("--share", `${Math.round(share * 100)}%`);
  track.append(bar);
  time.className = "ms";
  time.textContent = duration(ms);
  item.append(label, track, time);
  return item;
}

/** Milliseconds as a person reads them. */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
