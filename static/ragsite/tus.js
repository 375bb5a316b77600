// Sends a file in parts (tus 1.0.0), goes on where it stopped, and says how far it is.

const UPLOADS = "/api/v1/uploads/";
const PART_BYTES = 4 * 1024 * 1024;
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 16000];
const VERSION = { "Tus-Resumable": "1.0.0" };

/** What the server refuses, in its own words; trying again is of no use. */
export class Refused extends Error {}

/**
 * Resolves once the file was taken in; rejects with Refused, or with what the network said last.
 * about: collection and sensitivity. token: against forged requests. progress: called with bytes sent.
 */
export async function sendFile(file, { about, token, progress, signal }) {
  const remembered = `upload:${about.collection}:${file.name}:${file.size}:${file.lastModified}`;
  const call = (address, options) => request(address, { ...options, token, signal });
  const upload = await resumed(remembered, call) ?? await begun(file, about, remembered, call);
  progress(upload.offset);
  while (upload.offset < file.size) {
    upload.offset = await nextPart(file, upload, call);
    progress(upload.offset);
  }
  // Whoever took the last part may have died before it took the file in.
  await call(upload.address, part(file.size, new Blob()));
  forget(remembered);
}

export async function cancel(file, about, token) {
  const remembered = `upload:${about.collection}:${file.name}:${file.size}:${file.lastModified}`;
  const address = recall(remembered);
  forget(remembered);
  if (address) await request(address, { method: "DELETE", token }).catch(() => {});
}

async function resumed(remembered, call) {
  const address = recall(remembered);
  if (!address) return null;
  const response = await call(address, { method: "HEAD", allowed: [404, 410] });
  if (!response.ok) return null;
  return { address, offset: Number(response.headers.get("Upload-Offset")) };
}

async function begun(file, about, remembered, call) {
  const described = Object.entries({ ...about, filename: file.name }).map(([key, value]) => `${key} ${base64(value)}`);
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": described.join(",") };
  const response = await call(UPLOADS, { method: "POST", headers });
  const address = response.headers.get("Location");
  remember(remembered, address);
  return { address, offset: 0 };
}

async function nextPart(file, { address, offset }, call) {
  const bytes = file.slice(offset, offset + PART_BYTES);
  const options = part(offset, bytes);
  const digest = await sha256(bytes);
  if (digest) options.headers["Upload-Checksum"] = `sha256 ${digest}`;
  const response = await call(address, { ...options, allowed: [409, 460] });
  if (response.status === 204) return Number(response.headers.get("Upload-Offset"));
  // The answer to an earlier try was lost, or the part was damaged: the server knows where it stands.
  const stands = await call(address, { method: "HEAD" });
  const found = Number(stands.headers.get("Upload-Offset"));
  if (response.status === 409 && found === offset) throw new Refused(await detail(response));
  return found;
}

function part(offset, body) {
  const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  return { method: "PATCH", headers, body };
}

async function request(address, { token, allowed = [], headers = {}, ...options }) {
  for (const wait of [...WAITS_MS, null]) {
    let response = null;
    try {
      response = await fetch(address, { ...options, headers: { ...VERSION, ...headers, "X-CSRFToken": token } });
    } catch (error) {
      if (wait === null || error.name === "AbortError") throw error;
    }
    if (response && (response.ok || allowed.includes(response.status))) return response;
    if (response && response.status < 500) throw new Refused(await detail(response));
    if (wait === null) throw new Error("The server does not answer.");
    await pause(wait, options.signal);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function detail(response) {
  const body = await response.json().catch(() => ({}));
  return body.detail ?? "The server refused it.";
}

async function sha256(blob) {
  // Only where the page came over a secure connection.
  if (!globalThis.crypto?.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, address) {
  try {
    localStorage.setItem(key, address);
  } catch {
    // It then goes on only until the page is left.
  }
}

function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // There was nothing.
  }
}
