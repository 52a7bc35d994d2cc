// A document that saves itself while somebody types. Words that the service has not acknowledged are kept in this browser, for this
// document, person and tab; they go once it has, or when the person signs out. Without this file the form's own buttons do it all.

const form = document.querySelector("[data-document]");
const over = document.querySelector("[data-document-over]");
const PAUSE = 2000; // milliseconds without a key before what was typed is sent
const RETRY = 5000; // after a failure, doubled each time up to a minute
const ANSWER = 400; // for other tabs to say that they are there

if (form) start(form);
if (over) left(over.dataset.documentOver);

function kept(prefix) {
  const found = [];
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(prefix + ":")) found.push([key, JSON.parse(localStorage.getItem(key))]);
    }
  } catch {
    // a browser that keeps nothing has nothing to bring back
  }
  return found;
}

function drop(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // there is nothing to drop
  }
}

// Words that can no longer be saved where they were typed: shown, so that they can be copied, until they are discarded.
function stranded(box, key, draft, why) {
  const words = Object.values(draft.items).map(([text]) => text).filter(Boolean);
  if (!words.length) return drop(key);
  const part = document.createElement("div");
  part.className = "govuk-inset-text";
  const said = document.createElement("p");
  said.className = "govuk-body";
  said.textContent = `Words you typed on ${when(draft.at)} were not saved. ${why} You can copy them from here.`;
  part.append(said);
  for (const text of words) {
    const shown = document.createElement("p");
    shown.className = "govuk-body app-answer";
    shown.textContent = text;
    part.append(shown);
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "app-link-button";
  button.textContent = "Discard them";
  button.addEventListener("click", () => {
    drop(key);
    part.remove();
  });
  part.append(button);
  box.append(part);
}

function left(prefix) {
  for (const [key, draft] of kept(prefix)) stranded(over, key, draft, "The document was passed on before they arrived.");
}

function when(at) {
  return new Date(at).toLocaleString("en-GB", { day: "numeric", month: "long", hour: "numeric", minute: "2-digit" });
}

function start(form) {
  const field = (name) => form.querySelector(`input[type="hidden"][name="${name}"]`);
  const sitting = field("sitting").value;
  const key = `${form.dataset.keep}:${sitting}`;
  const state = form.querySelector("[data-saved]");
  const notes = form.querySelector("[data-note]");
  const had = JSON.parse(field("had").value);
  const known = initial(); // what the service has of each answer, as far as this page was told
  let turn = Number(field("turn").value) || 0;
  let sending = null;
  let failures = 0;
  let timer = 0;
  let passing = false;
  let refused = "";

  for (const code of Object.keys(known)) if (form.dataset.unsaved) known[code] = null;
  listen();
  if (dirty().length) keep();
  comeBack();
  if (form.dataset.unsaved) save();

  function fields() {
    return [...form.elements].filter((one) => one.name.startsWith("a-"));
  }

  function initial() {
    const found = {};
    for (const one of fields()) {
      const code = one.name.slice(2);
      if (one.type === "radio") found[code] = one.defaultChecked ? one.value : (found[code] ?? "");
      else found[code] = one.defaultValue;
    }
    if (field("tags")) found.standards = tags((box) => box.defaultChecked);
    return found;
  }

  function tags(which) {
    return [...form.querySelectorAll('input[name="standards"]')].filter(which).map((box) => box.value).sort().join(" ");
  }

  function values() {
    const found = {};
    for (const one of fields()) {
      const code = one.name.slice(2);
      if (one.type === "radio") found[code] = one.checked ? one.value : (found[code] ?? "");
      else found[code] = one.value;
    }
    if (field("tags")) found.standards = tags((box) => box.checked);
    return found;
  }

  function put(code, words) {
    for (const one of fields()) {
      if (one.name !== `a-${code}`) continue;
      if (one.type === "radio") one.checked = one.value === words;
      else one.value = words;
    }
    if (code === "standards") for (const box of form.querySelectorAll('input[name="standards"]')) box.checked = words.split(" ").includes(box.value);
  }

  function dirty() {
    const now = values();
    return Object.keys(now).filter((code) => now[code] !== known[code]);
  }

  function keep() {
    const now = values();
    const items = {};
    for (const code of dirty()) items[code] = [now[code], had[code]];
    try {
      if (Object.keys(items).length) localStorage.setItem(key, JSON.stringify({ sitting, turn, at: Date.now(), items }));
      else localStorage.removeItem(key);
    } catch {
      // full or switched off: the words stay in the page
    }
    say();
  }

  function say() {
    const waiting = dirty().length > 0;
    state.classList.toggle("app-saved--waiting", waiting && failures > 0);
    if (waiting) state.textContent = refused || (failures ? "Not saved yet: no connection. Your words are kept in this browser." : "Not saved yet");
  }

  function note(words, address = "") {
    const line = document.createElement("p");
    line.className = "govuk-body";
    if (address) {
      const link = document.createElement("a");
      link.className = "govuk-link";
      link.href = address;
      link.textContent = words;
      line.append(link);
    } else line.textContent = words;
    if (![...notes.children].some((one) => one.textContent === words)) notes.append(line);
  }

  function listen() {
    form.addEventListener("input", () => {
      refused = "";
      keep();
      clearTimeout(timer);
      timer = setTimeout(save, PAUSE);
    });
    form.addEventListener("focusout", () => dirty().length && save());
    form.addEventListener("submit", pass);
    addEventListener("online", () => save());
    addEventListener("pagehide", () => save({ keepalive: true }));
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save({ keepalive: true }));
    document.addEventListener("submit", leave, true);
    others()?.addEventListener("message", ({ data }) => data.ask && others().postMessage({ here: sitting }));
  }

  function others() {
    if (!("BroadcastChannel" in window)) return null;
    others.channel ??= new BroadcastChannel(form.dataset.keep);
    return others.channel;
  }

  // Sending ---------------------------------------------------------------------------------------------------------

  function body(items, tab, count) {
    const sent = new URLSearchParams({ base: field("base")?.value ?? "0", sitting: tab, turn: String(count) });
    const marks = {};
    for (const [code, [words, mark]] of Object.entries(items)) {
      if (mark !== undefined && mark !== null) marks[code] = mark;
      if (code !== "standards") sent.append(`a-${code}`, words);
      else {
        sent.append("tags", "1");
        for (const tag of words.split(" ").filter(Boolean)) sent.append("standards", tag);
      }
    }
    sent.append("had", JSON.stringify(marks));
    return sent;
  }

  async function post(items, tab, count, keepalive = false) {
    try {
      const headers = { accept: "application/json" };
      const reply = await fetch(form.dataset.document, { method: "POST", body: body(items, tab, count), headers, redirect: "manual", keepalive });
      if (reply.ok) return { done: await reply.json() };
      if (reply.type === "opaqueredirect" || reply.status === 401) return { over: "Sign in again in another tab: your words are kept in this browser" };
      if (reply.status >= 500 || reply.status === 429) return {};
      const json = reply.headers.get("content-type")?.includes("json") ? await reply.json() : {};
      return { refused: json.errors?.[0]?.message ?? json.message ?? "You cannot write in this document any more." };
    } catch {
      return {};
    }
  }

  async function save({ keepalive = false } = {}) {
    clearTimeout(timer);
    if (sending && !keepalive) {
      await sending;
      return dirty().length ? save() : undefined;
    }
    const now = values();
    const items = Object.fromEntries(dirty().map((code) => [code, [now[code], had[code]]]));
    if (!Object.keys(items).length) return undefined;
    turn += 1;
    keep();
    const attempt = send(items, keepalive);
    if (!keepalive) sending = attempt;
    try {
      await attempt;
    } finally {
      if (!keepalive) sending = null;
    }
    return undefined;
  }

  async function send(items, keepalive) {
    const reply = await post(items, sitting, turn, keepalive);
    if (reply.done) {
      failures = 0;
      refused = "";
      take(items, reply.done);
      warn(items, reply.done.guard);
      keep();
      if (!dirty().length) state.textContent = reply.done.saved;
      return;
    }
    refused = reply.over ?? (reply.refused ? `Not saved: ${reply.refused}` : "");
    failures += 1;
    keep();
    if (!reply.refused) timer = setTimeout(save, Math.min(RETRY * 2 ** (failures - 1), 60_000));
  }

  // What may name a family, beside the answer it stands in: [what it is, words before, the words, words after]. It holds nothing up.
  function warn(items, found = {}) {
    for (const code of Object.keys(items)) {
      const box = [...form.querySelectorAll("[data-guard]")].find((one) => one.dataset.guard === code);
      if (!box) continue;
      const places = found[code] ?? [];
      if (!places.length) {
        box.replaceChildren();
        continue;
      }
      const part = document.createElement("div");
      part.className = "govuk-inset-text app-guard__warning";
      const said = document.createElement("p");
      said.className = "govuk-body";
      said.append(Object.assign(document.createElement("strong"), { textContent: "This may identify a child or a family." }));
      const list = document.createElement("ul");
      list.className = "govuk-list app-guard__places";
      for (const [what, before, words, after] of places) {
        const around = Object.assign(document.createElement("span"), { className: "app-guard__around" });
        around.append(before, Object.assign(document.createElement("mark"), { textContent: words }), after);
        const item = document.createElement("li");
        item.append(`${what[0].toUpperCase()}${what.slice(1)}: `, around);
        list.append(item);
      }
      part.append(said, list);
      box.replaceChildren(part);
    }
  }

  // What stands now, as the service says: words of others are shown where nobody has typed on meanwhile.
  function take(items, done) {
    const now = values();
    for (const [code, [words]] of Object.entries(items)) {
      if (done.clashes?.[code]) {
        known[code] = words; // kept there as the other version; its writer chooses
        note("Two versions of an answer are kept. Compare and choose.", `${form.dataset.document.replace(/\/save$/, "")}/clashes/${done.clashes[code]}`);
        continue;
      }
      const stands = done.other[code] ?? words;
      if (now[code] !== words && stands !== words) continue;
      if (now[code] === words && stands !== words && stands !== words.trim()) put(code, stands);
      known[code] = now[code] === words ? values()[code] : words;
      if (code in done.had) had[code] = done.had[code];
    }
  }

  // Coming back -----------------------------------------------------------------------------------------------------

  async function comeBack() {
    const drafts = kept(form.dataset.keep).filter(([, draft]) => draft.sitting !== sitting);
    if (!drafts.length) return;
    const alive = new Set();
    const channel = others();
    if (channel) {
      const hear = ({ data }) => data.here && alive.add(data.here);
      channel.addEventListener("message", hear);
      channel.postMessage({ ask: sitting });
      await new Promise((done) => setTimeout(done, ANSWER));
      channel.removeEventListener("message", hear);
    }
    for (const [key, draft] of drafts) if (!alive.has(draft.sitting)) await bring(key, draft);
  }

  async function bring(key, draft) {
    const reply = await post(draft.items, draft.sitting, draft.turn + 1);
    if (reply.refused) return stranded(notes, key, draft, reply.refused);
    const now = values();
    for (const [code, [words, mark]] of Object.entries(draft.items)) {
      if (now[code] === undefined || now[code] !== known[code]) continue; // typed on already
      if (!reply.done) {
        if (had[code] === mark) put(code, words);
      } else if (!reply.done.clashes?.[code]) {
        put(code, reply.done.other[code] ?? words);
        known[code] = values()[code];
        if (code in reply.done.had) had[code] = reply.done.had[code];
      } else take({ [code]: [words] }, reply.done);
    }
    if (!reply.done) {
      keep();
      setTimeout(() => bring(key, draft), RETRY);
      return undefined;
    }
    drop(key);
    note(`Words you typed on ${when(draft.at)} had not been saved. They are back in the document, and saved.`);
    if (!dirty().length) state.textContent = reply.done.saved;
    return undefined;
  }

  // Passing it on and leaving ---------------------------------------------------------------------------------------

  // A form that is just being submitted cannot be submitted: wait until the event is over.
  function afterwards() {
    return new Promise((done) => setTimeout(done));
  }

  async function pass(event) {
    if (passing) return;
    event.preventDefault();
    const button = event.submitter;
    await save();
    await afterwards();
    const open = dirty().length > 0;
    if (open) {
      state.scrollIntoView({ block: "center" });
      return;
    }
    if (button?.hasAttribute("data-save")) {
      state.scrollIntoView({ block: "nearest" });
      return;
    }
    passing = true;
    field("had").value = JSON.stringify(had);
    field("turn").value = String(turn + 1);
    form.requestSubmit(button);
  }

  async function leave(event) {
    const out = event.target;
    if (out.getAttribute("action") !== "/sign-out" || out.dataset.sure || !dirty().length) return;
    event.preventDefault();
    await save();
    await afterwards();
    out.dataset.sure = "yes";
    if (dirty().length) {
      state.textContent = "You are still signed in: what you typed has not been saved. Sign out once more to leave it behind.";
      state.classList.add("app-saved--waiting");
      state.scrollIntoView({ block: "center" });
    } else out.requestSubmit();
  }
}
