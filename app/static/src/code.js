// The check-in code on a screen: counts down, and fetches the next code when this one is over.
const box = document.querySelector("[data-code]");
if (box) count(box);

function count(shown) {
  const line = shown.querySelector("[data-seconds]");
  const ends = Date.now() + Number(line.dataset.seconds) * 1000;
  const timer = setInterval(async () => {
    const left = Math.max(Math.ceil((ends - Date.now()) / 1000), 0);
    line.textContent = left ? `It changes in ${left} second${left === 1 ? "" : "s"}.` : "Fetching the next code …";
    if (left) return;
    clearInterval(timer);
    next(shown);
  }, 500);
}

async function next(shown) {
  try {
    const reply = await fetch(location.href, { redirect: "manual" });
    if (!reply.ok) return location.reload();
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector("[data-code]");
    if (!fresh) return location.reload(); // the part is over, or check-in was closed
    shown.replaceWith(fresh);
    count(fresh);
  } catch {
    setTimeout(next, 5000, shown); // no connection: try again
  }
}
