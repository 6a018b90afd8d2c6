// An identity provider for tests: oidc-provider (by others), with its own pages for signing in, where any name and password do. Prints
// its port. Each line on standard input is a redirect URI: from then on the client `console` comes back there, and every key
// is another. Ends with its standard input. With `claims`, ID tokens hold an address, verified unless the name begins with `new-`.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

let answer = (_, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
console.log(server.address().port);

const claims = (sub) => ({ sub, email: `${sub}@acme.example`, email_verified: !sub.startsWith("new-") });
for await (const line of createInterface({ input: process.stdin })) {
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const provider = new Provider(`http://localhost:${server.address().port}`, {
    clients: [{ client_id: "console", client_secret: process.env.IDENTITY_SECRET, redirect_uris: [line.trim()] }],
    jwks: { keys: [{ ...key, kid: randomBytes(4).toString("hex"), use: "sig", alg: "RS256" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: process.argv[2] !== "claims",
    findAccount: (_, sub) => ({ accountId: sub, claims: () => claims(sub) }),
  });
  answer = provider.callback();
  console.log("ready");
}
process.exit(0);
