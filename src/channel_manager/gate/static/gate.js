// The gate's page: a code comes from the camera, from a hand scanner that types, or from a person.
// Scans that can't be sent while the line is down are kept, and uploaded as they happened.
"use strict";

const FIELDS = ["tenant", "environment", "company", "admission", "scanner", "key"];
const SAME_CODE_MS = 3000;
const byId = (id) => document.getElementById(id);
let busy = false;
let lastSeen = { code: "", at: 0 };

function setUp() {
  return Object.fromEntries(FIELDS.map((name) => [name, sessionStorage.getItem(name) || ""]));
}

function address(operation) {
  const { tenant, environment, company } = setUp();
  return "/" + [tenant, environment, company].map(encodeURIComponent).join("/") + "/speedgate/" + operation;
}

async function call(operation, body) {
  const headers = { "x-np-api-key": setUp().key };
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

function show(kind, light, reason, tickets) {
  byId("verdict").className = kind;
  byId("light").textContent = light;
  byId("reason").textContent = reason;
  byId("tickets").replaceChildren(...(tickets || []).map((ticket) => {
    const line = document.createElement("li");
    line.textContent = `${ticket.description} – ${ticket.guestName}` +
      (ticket.admits > 1 ? ` (${ticket.admits})` : "");
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
    if (!reply.ok) show("red", "Stop", answer.message);
    else if (answer.code === "ok") show("green", answer.admitted > 1 ? `Go ${answer.admitted}` : "Go", answer.message, answer.tickets);
    else show("red", "Stop", answer.message, answer.tickets);
  } catch {
    keepOffline(reference);
    show("red", "No line", "The scan is kept, and sent when the line is back. Decide by eye.");
  } finally {
    busy = false;
    byId("code").value = "";
    byId("code").focus();
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
  byId("offline").textContent = count ? `${count} scans wait for the line.` : "";
}

async function refresh() {
  try {
    await upload();
    const { admission } = setUp();
    const reply = await call("today?admissionCode=" + encodeURIComponent(admission));
    const answer = await reply.json();
    if (reply.ok) byId("today").textContent = answer.admitted;
    else show("red", "Stop", answer.message);
    byId("where").textContent = admission;
  } catch {
    tellKept();
  }
}

async function useCamera() {
  if (!("BarcodeDetector" in window)) {
    show("waiting", "Ready", "This browser can't read codes by camera. Use a hand scanner, or type the code.");
    return;
  }
  const view = byId("view");
  try {
    view.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    show("waiting", "Ready", "The camera can't be used; allow it in the browser's settings.");
    return;
  }
  view.hidden = false;
  await view.play();
  const detector = new BarcodeDetector({ formats: ["qr_code", "code_128", "aztec", "data_matrix"] });
  const look = async () => {
    const [found] = await detector.detect(view).catch(() => []);
    const now = Date.now();
    if (found && (found.rawValue !== lastSeen.code || now - lastSeen.at > SAME_CODE_MS)) {
      lastSeen = { code: found.rawValue, at: now };
      await scan(found.rawValue);
    } else if (found) {
      lastSeen.at = now;
    }
    requestAnimationFrame(look);
  };
  look();
}

function start() {
  const ready = FIELDS.every((name) => name === "admission" || sessionStorage.getItem(name));
  byId("setup").hidden = ready;
  byId("scan").hidden = !ready;
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
  start();
});
// A hand scanner types wherever the cursor is; so it is always in the field, unless somebody types elsewhere.
document.addEventListener("keydown", (event) => {
  if (!byId("scan").hidden && document.activeElement === document.body && event.key.length === 1) byId("code").focus();
});
window.addEventListener("online", refresh);
setInterval(() => { if (!byId("scan").hidden) refresh(); }, 15000);
start();
