// The register on a phone with a poor connection: each mark is kept in this browser until the service has it.
// Kept are numbers only (which booking, which part, which mark, when), never a name; they go once they are sent or the register is over.

const form = document.querySelector("[data-register]");
const over = document.querySelector("[data-register-over]");
const RETRY = 10_000; // milliseconds, doubled with each failure up to a minute

if (over) forget(`register:${over.dataset.registerOver}:`);
if (form) start(form);

function forget(prefix) {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key);
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
}

function start(form) {
  const key = `register:${form.dataset.register}:${form.dataset.reader}`;
  const state = form.querySelector("[data-state]");
  const people = [...form.querySelectorAll("[data-booking]")];
  let waiting = read();
  let sending = null; // the promise of what is on its way, so that whoever finishes the register waits for it
  let failures = 0;
  let timer = 0;
  let touched = false;

  form.classList.add("app-register--live");
  for (const [which, [mark, , reason]] of Object.entries(waiting)) {
    const [booking, part] = which.split(":");
    if (part === form.dataset.part) show(booking, mark, reason);
  }
  say();
  send();

  form.addEventListener("change", (event) => {
    const person = event.target.closest("[data-booking]");
    const chosen = person?.querySelector("input:checked");
    if (!chosen) return;
    const reason = chosen.value === "absent" ? person.querySelector("select").value : null;
    waiting[`${person.dataset.booking}:${form.dataset.part}`] = [chosen.value, Date.now(), reason];
    touched = true;
    write();
    say();
    send();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  document.querySelector("[data-finish]")?.addEventListener("click", async (event) => {
    if (!count()) return;
    event.preventDefault();
    await send();
    if (count()) state.scrollIntoView({ block: "center" });
    else location.href = event.target.href;
  });
  addEventListener("online", reconnected);
  addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());

  function read() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      return {};
    }
  }

  function write() {
    try {
      if (count()) localStorage.setItem(key, JSON.stringify(waiting));
      else localStorage.removeItem(key);
    } catch {
      // full or switched off: the marks stay in the page
    }
  }

  function count() {
    return Object.keys(waiting).length;
  }

  function show(booking, mark, reason) {
    const input = document.getElementById(`m-${booking}-${mark}`);
    if (!input) return;
    input.checked = true;
    if (reason !== null) document.getElementById(`r-${booking}`).value = reason;
  }

  function say(words = "") {
    const left = count();
    const marked = people.filter((person) => person.querySelector("input:checked")).length;
    if (form.dataset.pages !== "several") form.querySelector("[data-marked]").textContent = marked;
    state.classList.toggle("app-register__state--waiting", left > 0 || words !== "");
    state.textContent = [left ? `${left} not yet sent` : touched && !words ? "All saved" : "", words].filter(Boolean).join(". ");
  }

  /** Send what waits, one batch after another; whoever calls while some is on its way waits for that. */
  function send() {
    sending ??= sendAll().finally(() => {
      sending = null;
    });
    return sending;
  }

  /** What was on its way may just have been lost: once that is known everything is sent, without the long pause that follows many failures. */
  async function reconnected() {
    await sending;
    failures = 0;
    send();
  }

  async function sendAll() {
    clearTimeout(timer);
    while (count() && (await sendBatch()));
    if (count()) timer = setTimeout(send, Math.min(RETRY * 2 ** (failures - 1), 60_000));
  }

  /** Whether the service answered for the batch; what it took or refused waits no longer. */
  async function sendBatch() {
    const batch = Object.entries(waiting).slice(0, 200);
    const body = new URLSearchParams({
      marks: JSON.stringify(batch.map(([which, [mark, at, reason]]) => [...which.split(":").map(Number), mark, at, reason])),
    });
    let words = "";
    let answered = false;
    try {
      const reply = await fetch(form.dataset.send, { method: "POST", body, redirect: "manual" });
      if (reply.ok) {
        for (const [which, [, at]] of batch) if (waiting[which]?.[1] === at) delete waiting[which];
        touched = true;
        answered = true;
      } else if (reply.type === "opaqueredirect") {
        words = "Sign in again in another tab: your marks are kept";
      } else if ([403, 404, 409, 422].includes(reply.status)) {
        const said = reply.headers.get("content-type")?.includes("json") ? (await reply.json()).message : "You cannot take this register";
        words = `${count() === 1 ? "1 mark was" : `${count()} marks were`} not taken: ${said}`;
        waiting = {};
        answered = true;
      }
    } catch {
      // no connection: what waits is sent again later
    }
    failures = answered ? 0 : failures + 1;
    write();
    say(words);
    return answered;
  }
}
