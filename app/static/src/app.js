// Every page works without this file; it only switches on what GOV.UK Frontend adds.
// The module is fetched only by browsers that can run it, so both classes go on together.
import { initAll } from "./govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

// Words that were not saved yet are kept in the browser (document.js); whoever signs out leaves none behind.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.getAttribute("action") !== "/sign-out") return;
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("words:")) localStorage.removeItem(key);
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
});
