// The form of a learning record on a phone with a poor connection. What is typed is kept as a draft with the service, and in this browser
// while the service does not have it; it goes from here once it has, or when the person signs out. Sending goes on by itself when the
// connection is back, and the chosen photo stays in the page meanwhile. Without this file the form's own buttons do it all.

const PAUSE = 2000; // milliseconds without a key before what was typed is kept with the service
const RETRY = 3000; // after a failure, doubled each time up to a minute
const main = document.getElementById("main-content");
let turn = 0; // counts forms: what an earlier one has under way does not speak for a later one

start(document.querySelector("[data-record]"));

function start(form) {
  const mine = ++turn;
  const prefix = `words:record:${form.dataset.record}:`;
  const field = (name) => form.querySelector(`input[type="hidden"][name="${name}"]`);
  const about = field("record")?.value ?? "";
  const state = form.querySelector("[data-saved]");
  let kept = main.querySelector(".govuk-error-summary") ? "" : said(); // what the service has
  let failures = 0;
  let timer = 0;
  let waiting = false; // to be sent for good

  comeBack();
  form.addEventListener("input", () => {
    remember();
    clearTimeout(timer);
    if (!waiting) timer = setTimeout(draft, PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.hasAttribute("data-draft")) draft();
    else send();
  });
  addEventListener("online", () => {
    failures = 0;
    again();
  });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && failures && again());

  function key() {
    return prefix + field("entry_key").value;
  }

  function values() {
    const found = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string" && !name.startsWith("guard")) found.append(name, value);
    return found;
  }

  function said() {
    return values().toString();
  }

  function remember() {
    try {
      if (said() === kept) localStorage.removeItem(key());
      else localStorage.setItem(key(), JSON.stringify({ about, at: Date.now(), words: said() }));
    } catch {
      // full or switched off: the words stay in the page
    }
  }

  function forget() {
    try {
      localStorage.removeItem(key());
    } catch {
      // there is nothing to forget
    }
  }

  function say(words, warns = false) {
    state.textContent = words;
    state.classList.toggle("app-saved--waiting", warns);
  }

  function again() {
    if (mine !== turn) return;
    clearTimeout(timer);
    if (waiting) send();
    else if (said() !== kept) draft();
  }

  function failed(words) {
    failures += 1;
    remember();
    say(words, true);
    timer = setTimeout(again, Math.min(RETRY * 2 ** (failures - 1), 60_000));
  }

  const LOST = "No connection. Your words are kept in this browser.";
  const OVER = "Sign in again in another tab: your words are kept in this browser.";

  async function draft() {
    clearTimeout(timer);
    const sent = said();
    let reply;
    try {
      reply = await fetch("/my-learning/drafts", { method: "POST", body: values(), headers: { accept: "application/json" }, redirect: "manual" });
    } catch {
      return mine === turn && failed(LOST);
    }
    if (mine !== turn) return undefined;
    if (reply.type === "opaqueredirect" || reply.status === 401) return failed(OVER);
    if (reply.status >= 500 || reply.status === 429) return failed(LOST);
    const json = reply.headers.get("content-type")?.includes("json") ? await reply.json() : {};
    if (!reply.ok) return say(json.message ?? "This cannot be kept as a draft.", true);
    kept = sent;
    failures = 0;
    remember();
    return say(json.saved);
  }

  // Sent as the form itself would be, so that a second time it is the same record; what comes back is the record's page, or this form again.
  async function send() {
    clearTimeout(timer);
    if (waiting === "sending") return undefined;
    waiting = "sending";
    say("Saving");
    let reply;
    let text = "";
    try {
      reply = await fetch(form.action, { method: "POST", body: new FormData(form) });
      text = await reply.text();
    } catch {
      waiting = true;
      return failed(`${LOST} It is sent when the connection is back: stay on this page if you have chosen a photo.`);
    }
    if (reply.status >= 500 || reply.status === 429) {
      waiting = true;
      return failed(LOST);
    }
    waiting = false;
    if (reply.ok && new URL(reply.url).pathname.startsWith("/sign-in")) return failed(OVER);
    if (reply.ok && reply.redirected) {
      forget();
      location.assign(reply.url);
      return undefined;
    }
    return show(text);
  }

  // The form as the service sends it back, with what is wrong. The files that were chosen stay chosen.
  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("[data-record]");
    const files = form.querySelector('input[type="file"]');
    main.replaceChildren(...page.getElementById("main-content").childNodes);
    document.title = page.title;
    if (!fresh) return forget();
    const place = fresh.querySelector('input[type="file"]');
    const refused = place?.classList.contains("govuk-file-upload--error") && !fresh.querySelector("#guard");
    if (files?.files.length && place && !refused) {
      files.setAttribute("aria-describedby", place.getAttribute("aria-describedby"));
      place.replaceWith(files);
      fresh.querySelector("#file-hint strong")?.remove();
    }
    start(fresh);
    const summary = main.querySelector(".govuk-error-summary");
    summary?.setAttribute("tabindex", "-1");
    summary?.focus();
    return undefined;
  }

  // Words that never reached the service, from a page that was closed.
  function comeBack() {
    let found;
    try {
      found = Object.keys(localStorage)
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name, JSON.parse(localStorage.getItem(name))])
        .filter(([, one]) => one.about === about)
        .sort(([, a], [, b]) => b.at - a.at)[0];
    } catch {
      return;
    }
    if (!found || main.querySelector(".govuk-error-summary")) return;
    const words = new URLSearchParams(found[1].words);
    for (const one of form.elements) {
      if (!one.name || one.type === "file" || one.name === "base") continue;
      const all = words.getAll(one.name);
      if (one.type === "checkbox") one.checked = all.includes(one.value);
      else if (one.name === "standards") one.value = all[[...form.querySelectorAll('[name="standards"]')].indexOf(one)] ?? "";
      else if (all.length) one.value = all[0];
    }
    if ([...form.querySelectorAll("details textarea, details input")].some((one) => one.type === "text" || one.value)) form.querySelector("details").open = true;
    say("What you had typed is back in the form.");
    timer = setTimeout(draft, 0);
  }
}
