// The gate's page: a code comes from the camera, from a hand scanner that types, or from a person.
// Scans that can't be sent while the line is down are kept, and uploaded as they happened.
"use strict";

const FIELDS = ["tenant", "environment", "company", "admission", "scanner", "key"];
const SAME_CODE_MS = 3000;
// Between two pictures that the server is asked to read, and how wide they are.
const PICTURE_MS = 300;
const PICTURE_WIDTH = 800;
const byId = (id) => document.getElementById(id);
const words = JSON.parse(byId("words").textContent);
const language = document.documentElement.lang;
let busy = false;
let camera = null;
let lastSeen = { code: "", at: 0 };

function setUp() {
  return Object.fromEntries(FIELDS.map((name) => [name, sessionStorage.getItem(name) || ""]));
}

function address(operation) {
  const { tenant, environment, company } = setUp();
  return "/" + [tenant, environment, company].map(encodeURIComponent).join("/") + "/speedgate/" + operation;
}

async function call(operation, body) {
  const headers = { "x-np-api-key": setUp().key, "Accept-Language": language };
  if (body) {
    headers["Content-Type"] = "application/json";
    headers["Idempotency-Key"] = body.scanId || crypto.randomUUID();
  }
  const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) };
  // A lost reply is asked for again under the same key, and gets the first answer.
  try {
    return await fetch(address(operation), options);
  } catch {
    return fetch(address(operation), options);
  }
}

const counted = (message, count) => message.replace("%(count)s", new Intl.NumberFormat(language).format(count));

function show(kind, light, reason, tickets) {
  byId("verdict").className = kind;
  byId("light").textContent = light;
  byId("reason").textContent = reason;
  byId("tickets").replaceChildren(...(tickets || []).map((ticket) => {
    const line = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = ticket.guestName;
    const item = document.createElement("bdi");
    item.textContent = ticket.description;
    line.append(item, " – ", name, ticket.admits > 1 ? ` (${ticket.admits})` : "");
    return line;
  }));
}

async function scan(code) {
  const reference = code.trim();
  if (!reference || busy) return;
  busy = true;
  const { admission, scanner } = setUp();
  try {
    const reply = await call("tryAndAttemptAdmit", {
      referenceNumber: reference, admissionCode: admission, scannerId: scanner,
    });
    const answer = await reply.json();
    if (!reply.ok) show("red", words.stop, answer.message);
    else if (answer.code === "ok") show("green", answer.admitted > 1 ? counted(words.go_many, answer.admitted) : words.go, answer.message, answer.tickets);
    else show("red", words.stop, answer.message, answer.tickets);
  } catch {
    keepOffline(reference);
    show("red", words.no_line, words.kept);
  } finally {
    busy = false;
    byId("code").value = "";
    // On a phone the keyboard would cover the camera's picture.
    if (!camera) byId("code").focus();
  }
  await refresh();
}

function kept() {
  return JSON.parse(localStorage.getItem("gate-scans") || "[]");
}

function keepOffline(reference) {
  const { admission, scanner } = setUp();
  const scans = kept();
  scans.push({
    scanId: crypto.randomUUID(), referenceNumber: reference, admissionCode: admission,
    scannerId: scanner, scannedAt: new Date().toISOString(),
  });
  localStorage.setItem("gate-scans", JSON.stringify(scans));
  tellKept();
}

async function upload() {
  const scans = kept().slice(0, 1000);
  if (!scans.length) return;
  const reply = await call("scans", { scans });
  if (!reply.ok) return;
  const sent = new Set(scans.map((scan) => scan.scanId));
  localStorage.setItem("gate-scans", JSON.stringify(kept().filter((scan) => !sent.has(scan.scanId))));
  tellKept();
}

function tellKept() {
  const count = kept().length;
  byId("offline").hidden = count === 0;
  byId("offline").textContent = count ? counted(words.waiting, count) : "";
}

async function refresh() {
  try {
    await upload();
    const { admission } = setUp();
    const reply = await call("today?admissionCode=" + encodeURIComponent(admission));
    const answer = await reply.json();
    if (reply.ok) byId("today").textContent = answer.admitted;
    else show("red", words.stop, answer.message);
    byId("where").textContent = admission;
  } catch {
    tellKept();
  }
}

// Reads codes by itself where the browser can, and else lets the server read a picture of each moment.
async function makeReader(view) {
  const formats = ["qr_code", "code_128", "aztec", "data_matrix"];
  if ("BarcodeDetector" in window) {
    const known = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.every((format) => known.includes(format))) {
      const detector = new BarcodeDetector({ formats });
      return { read: async () => (await detector.detect(view))[0]?.rawValue, pause: 50 };
    }
  }
  const canvas = document.createElement("canvas");
  return { read: () => readByServer(view, canvas), pause: PICTURE_MS };
}

async function readByServer(view, canvas) {
  if (!view.videoWidth) return undefined;
  const scale = Math.min(1, PICTURE_WIDTH / Math.max(view.videoWidth, view.videoHeight));
  canvas.width = Math.round(view.videoWidth * scale);
  canvas.height = Math.round(view.videoHeight * scale);
  canvas.getContext("2d").drawImage(view, 0, 0, canvas.width, canvas.height);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.7));
  const headers = { "x-np-api-key": setUp().key, "Content-Type": "image/jpeg" };
  const reply = await fetch(address("read"), { method: "POST", headers, body: picture });
  return reply.ok ? (await reply.json()).codes[0] : undefined;
}

const pauseFor = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function useCamera() {
  if (camera) return stopCamera();
  const view = byId("view");
  try {
    camera = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } },
    });
  } catch {
    return show("waiting", words.ready, words.no_camera);
  }
  const mine = camera;
  view.srcObject = mine;
  view.hidden = false;
  byId("camera").textContent = words.stop_camera;
  show("waiting", words.ready, words.hold);
  await view.play();
  const reader = await makeReader(view);
  while (camera === mine) {
    await look(reader);
    // A page out of sight uses neither the camera nor the line.
    await pauseFor(document.hidden ? 1000 : reader.pause);
  }
}

async function look(reader) {
  // Without a line there is nothing to read with, or the frame was not a picture yet: try the next.
  const code = document.hidden ? undefined : await reader.read().catch(() => undefined);
  const now = Date.now();
  if (!code || busy || !camera) return;
  const again = code === lastSeen.code && now - lastSeen.at < SAME_CODE_MS;
  lastSeen = { code, at: now };
  // As long as a code stays before the camera it counts as one scan.
  if (!again) {
    await scan(code);
    lastSeen.at = Date.now();
  }
}

function stopCamera() {
  if (!camera) return;
  for (const track of camera.getTracks()) track.stop();
  camera = null;
  byId("view").hidden = true;
  byId("view").srcObject = null;
  byId("camera").textContent = words.use_camera;
}

function start() {
  const ready = FIELDS.every((name) => name === "admission" || sessionStorage.getItem(name));
  byId("setup").hidden = ready;
  byId("scan").hidden = !ready;
  byId("count").hidden = !ready;
  if (!ready) return;
  byId("code").focus();
  tellKept();
  refresh();
}

byId("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  for (const name of FIELDS) sessionStorage.setItem(name, byId(name).value.trim());
  byId("key").value = "";
  start();
});
byId("manual").addEventListener("submit", (event) => {
  event.preventDefault();
  scan(byId("code").value);
});
byId("camera").addEventListener("click", useCamera);
byId("change").addEventListener("click", () => {
  for (const name of FIELDS) {
    if (name !== "key") byId(name).value = sessionStorage.getItem(name) || "";
  }
  sessionStorage.removeItem("key");
  stopCamera();
  start();
});
byId("language").addEventListener("change", (event) => {
  location.search = "?lang=" + encodeURIComponent(event.target.value);
});
// A hand scanner types wherever the cursor is; so it is always in the field, unless somebody types elsewhere.
document.addEventListener("keydown", (event) => {
  if (!byId("scan").hidden && document.activeElement === document.body && event.key.length === 1) byId("code").focus();
});
window.addEventListener("online", refresh);
setInterval(() => { if (!byId("scan").hidden) refresh(); }, 15000);
start();
