// A real OpenID provider that looks like Entra: tid and oid claims, roles, sessions. Prints its issuer; tests steer it at /test/….
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const TENANT = process.argv[2];
const accounts = new Map();
let client = { redirect_uris: ["http://testserver/auth/callback"], post_logout_redirect_uris: ["http://testserver/sign-in"],
  backchannel_logout_uri: "http://testserver/oauth/back-channel-logout", backchannel_logout_session_required: true };
let number = 0;
let keys = [];
let handle;

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  number += 1;
  return { ...privateKey.export({ format: "jwk" }), kid: `key-${number}`, use: "sig", alg: "RS256" };
}

function start(issuer) {
  const provider = new Provider(issuer, {
    clients: [{ client_id: "academy", client_secret: "a secret", token_endpoint_auth_method: "client_secret_post", ...client }],
    jwks: { keys },
    cookies: { keys: ["only for tests"] },
    conformIdTokenClaims: false, // as Entra: claims in the ID token
    claims: { openid: ["sub", "sid"], profile: ["name", "email", "oid", "tid", "roles"] },
    features: { rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
    pkce: { required: () => true },
    fetch: (url, { dispatcher: _guard, ...options }) => fetch(url, options), // the service under test is on this machine
    async findAccount(_ctx, id) {
      const account = accounts.get(id);
      return account && { accountId: id, claims: async () => ({ sub: id, tid: TENANT, ...account }) };
    },
    async loadExistingGrant(ctx) { // Entra asks no consent of people of the tenant
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  handle = provider.callback();
}

const server = createServer((request, response) => {
  if (!request.url.startsWith("/test/")) return handle(request, response);
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => {
    const given = body ? JSON.parse(body) : {};
    if (request.url === "/test/account") accounts.set(given.login, given.claims);
    if (request.url === "/test/client") client = { ...client, ...given };
    if (request.url === "/test/rotate") keys = [newKey()];
    if (request.url !== "/test/account") start(issuer);
    response.end("{}");
  });
});
let issuer;
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  keys = [newKey()];
  start(issuer);
  console.log(issuer);
});
