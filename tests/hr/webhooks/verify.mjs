// Says for each message on standard input whether the reference library in JavaScript finds it signed.
import { Webhook } from "standardwebhooks";

let text = "";
for await (const part of process.stdin) text += part;
const found = JSON.parse(text).map(({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
});
console.log(JSON.stringify(found));
