// Server-sent events from a fetch: EventSource can only GET (WHATWG HTML, section 9.2).

/** Yields {name, payload} for each event of a response's body, however its bytes were cut. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += value;
      let end;
      while ((end = waiting.indexOf("\n\n")) >= 0) {
        const event = parseEvent(waiting.slice(0, end));
        waiting = waiting.slice(end + 2);
        if (event) yield event;
      }
    }
  } finally {
    // The reader of the answer has left: the server must notice, too.
    await reader.cancel().catch(() => {});
  }
}

function parseEvent(block) {
  let name = "message";
  const lines = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) lines.push(line.slice(5).trimStart());
  }
  return lines.length ? { name, payload: JSON.parse(lines.join("\n")) } : null;
}
