// Reads calendars with ical.js: a JSON list of texts comes in, a JSON list of what each says goes out.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const said = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  const calendar = new ICAL.Component(ICAL.parse(text));
  for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
  const events = calendar.getAllSubcomponents("vevent").map((component) => {
    const event = new ICAL.Event(component);
    return {
      uid: event.uid,
      sequence: event.sequence,
      status: component.getFirstPropertyValue("status"),
      summary: event.summary,
      local: event.startDate.toString(),
      starts: event.startDate.toJSDate().toISOString(),
      ends: event.endDate.toJSDate().toISOString(),
    };
  });
  return { method: calendar.getFirstPropertyValue("method"), events };
});
process.stdout.write(JSON.stringify(said));
