// A vendor that signs who it is: gets a token for an assertion (RFC 7523) and asks once with it. Prints both statuses.
// node vendor.mjs BASE PATH CLIENT_ID KEY_FILE ALG
import { createPrivateKey, randomUUID, sign, constants } from "node:crypto";
import { readFileSync } from "node:fs";

const [base, path, client, file, alg] = process.argv.slice(2);
const metadata = await (await fetch(`${base}/.well-known/oauth-authorization-server/api`)).json();
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const claims = { iss: client, sub: client, aud: metadata.issuer, iat: now, exp: now + 60, jti: randomUUID() };
const text = `${part({ alg, typ: "JWT" })}.${part(claims)}`;
const key = createPrivateKey(readFileSync(file));
const options = {
  ES256: { key, dsaEncoding: "ieee-p1363" },
  PS256: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
}[alg] ?? key;
const signature = sign(alg === "EdDSA" ? null : "sha256", Buffer.from(text), options);
const form = new URLSearchParams({
  grant_type: "client_credentials",
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  client_assertion: `${text}.${signature.toString("base64url")}`,
});
const granted = await fetch(metadata.token_endpoint, { method: "POST", body: form });
const said = await granted.json();
console.log(granted.status);
const again = await fetch(metadata.token_endpoint, { method: "POST", body: form });
console.log(again.status);
const read = await fetch(`${base}${path}`, { headers: { authorization: `Bearer ${said.access_token}` } });
console.log(read.status);
console.log(await read.text());
