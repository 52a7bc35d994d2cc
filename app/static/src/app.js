// Every page works without this file; it only switches on what GOV.UK Frontend adds.
// The module is fetched only by browsers that can run it, so both classes go on together.
import { initAll } from "./govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();
