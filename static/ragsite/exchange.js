// One question and everything that becomes of it.

import { renderAnswer } from "./markdown.js";
import { Sources, count } from "./sources.js";
import { Timeline } from "./timeline.js";

const template = document.querySelector("[data-exchange-template]");

const NOTICES = {
  refused: "Not let in",
  nothing_found: "Nothing found",
  withheld: "Answer withheld",
  failed: "No answer",
  stopped: "Stopped",
  revoked: "No longer open to you",
};
const HINTS = {
  refused: "Put it in other words. If you think the rule is wrong here, tell an administrator its name.",
  nothing_found: "Other words may find more. Documents that are not shared with you are never searched.",
  withheld: "What had been shown of it was taken back. Ask for something narrower.",
};
const SUMMARIES = { refused: "Refused", nothing_found: "Searched", withheld: "Withheld", failed: "Failed", stopped: "Stopped" };
const PROGRESS = {
  input_guardrail: "Looking through the documents you may read…",
  permission_filter: "Comparing what was found…",
  sources: "Reading the passages…",
};

export class Exchange {
  /** `root`: an exchange that the server rendered; without one, a new one is made for `question`. */
  constructor({ root, question, announce }) {
    this.root = root ?? template.content.firstElementChild.cloneNode(true);
    this.announce = announce;
    this.answer = this.part("answer");
    this.sources = new Sources(this.part("sources"));
    this.timeline = new Timeline(this.part("timeline"));
    this.masked = { question: false, answer: false };
    this.settled = Boolean(root);
    if (root) this.reopen();
    else this.begin(question);
  }

  part(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  begin(question) {
    this.part("question").textContent = question;
    this.root.dataset.state = "streaming";
    this.text = document.createTextNode("");
    this.progress("Checking the question…");
    this.answer.setAttribute("aria-busy", "true");
    // Read out once whole, from the announcer, and not word by word.
    this.answer.setAttribute("aria-hidden", "true");
  }

  /** Bring to life what the server rendered as plain text. */
  reopen() {
    const state = this.root.dataset.state;
    if (state === "answered") {
      this.render(this.answer.textContent);
      this.facts(this.sources.reopen());
    } else {
      this.titles(state);
    }
    const total = [...this.timeline.taken.values()].reduce((sum, ms) => sum + ms, 0);
    this.timeline.show(SUMMARIES[state] ?? "Answered", total);
  }

  receive(name, payload) {
    if (name === "stage") this.stage(payload);
    else if (name === "sources") this.named(payload);
    else if (name === "delta") this.write(payload);
    else if (name === "done") this.finish(payload);
    else if (name === "error") this.fail(payload.detail, payload.request_id);
  }

  stage(payload) {
    this.timeline.add(payload.name, payload.ms);
    if (PROGRESS[payload.name]) this.progress(PROGRESS[payload.name]);
    if (payload.name === "input_guardrail" && payload.verdict === "mask") {
      this.masked.question = true;
      this.part("question").textContent = payload.question;
    }
    if (payload.name === "output_guardrail") this.masked.answer = payload.verdict === "mask";
  }

  named(payload) {
    this.timeline.add("sources", payload.ms);
    this.sources.name(payload.citations);
    this.progress(PROGRESS.sources);
  }

  write(payload) {
    this.timeline.add("generation", payload.ms);
    if (!this.text.isConnected) this.answer.replaceChildren(this.text);
    this.text.appendData(payload.text);
    this.progress("");
  }

  progress(words) {
    if (words === this.part("progress-words").textContent) return;
    this.part("progress").hidden = !words;
    this.part("progress-words").textContent = words;
    if (words) this.announce(words);
  }

  finish(outcome) {
    this.settle(outcome.outcome);
    if (outcome.outcome === "answered") {
      this.sources.settle(outcome.citations, outcome.text);
      this.render(outcome.text);
      this.facts(outcome.citations.length);
      this.announce(`Answer, ${count(outcome.citations.length, "source")}. ${this.answer.textContent}`);
    } else {
      this.takeBack();
      this.notice(outcome.text);
    }
    this.timeline.show(SUMMARIES[outcome.outcome] ?? "Answered and checked", outcome.total_ms);
  }

  render(text) {
    this.answer.replaceChildren(...renderAnswer(text, (number) => this.sources.button(number)));
    this.answer.dataset.rendered = "";
  }

  facts(cited) {
    const facts = [["machine", "Written by a machine"], ["cited", `${count(cited, "passage")} cited`], ["checked", "Checked before it was shown"]];
    if (!cited) facts.splice(1, 1);
    if (this.masked.question) facts.push(["masked", "Personal data masked in your question"]);
    if (this.masked.answer) facts.push(["masked", "Parts of the answer masked"]);
    this.part("facts").replaceChildren(...facts.map(([kind, words]) => {
      const item = document.createElement("li");
      item.dataset.kind = kind;
      item.textContent = words;
      return item;
    }));
  }

  /** Nothing that was released may stay on the page. */
  takeBack() {
    this.answer.replaceChildren();
    this.sources.clear();
  }

  fail(sentence, requestId) {
    this.settle("failed");
    this.takeBack();
    this.notice(sentence, requestId);
  }

  stop() {
    this.settle("stopped");
    this.notice(this.answer.textContent ? "You stopped this answer before its end, and before its last check." : "You stopped this question before it had an answer.");
  }

  settle(state) {
    this.settled = true;
    this.root.dataset.state = state;
    this.progress("");
    this.answer.removeAttribute("aria-busy");
    this.answer.removeAttribute("aria-hidden");
  }

  notice(sentence, requestId) {
    this.part("notice").hidden = false;
    this.titles(this.root.dataset.state);
    this.part("notice-text").textContent = sentence;
    this.part("notice-request").hidden = !requestId;
    this.part("notice-request").textContent = requestId ? `Request ${requestId}` : "";
    this.announce(`${this.part("notice-title").textContent}. ${sentence}`);
  }

  titles(state) {
    this.part("notice-title").textContent = NOTICES[state] ?? "";
    this.part("notice-hint").textContent = HINTS[state] ?? "";
  }
}
