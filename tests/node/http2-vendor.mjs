// A vendor's client over HTTP/2 (Node's own, over nghttp2), one connection for all. Reads what to ask as JSON from its standard input:
// `{url, ca, cert, key, requests: [{path, method, headers, body}], at_once}`, asks so many at once, and prints what came of each, in order:
// `{status, headers, body, bytes}` or `{error}`, and whether the connection is still good: `{results, open}`.
import fs from "node:fs";
import http2 from "node:http2";

const plan = JSON.parse(fs.readFileSync(0, "utf8"));
const read = (path) => (path ? fs.readFileSync(path) : undefined);
const session = http2.connect(plan.url, { ca: read(plan.ca), cert: read(plan.cert), key: read(plan.key) });
let broken = null;
let alpn = null;
session.on("error", (error) => {
  broken = error;
  if (alpn === null) process.exit(1);
});

const ask = ({ path, method = "GET", headers = {}, body }) =>
  new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve({ error: "closed" });
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: body === undefined });
    const result = { body: "", bytes: 0 };
    stream.on("response", (headers) => Object.assign(result, { status: headers[":status"], headers }));
    stream.on("data", (piece) => {
      result.bytes += piece.length;
      if (result.body.length < 10_000) result.body += piece.toString("latin1");
    });
    stream.on("error", (error) => (result.error = error.code));
    stream.on("close", () => resolve({ ...result, reset: stream.rstCode }));
    if (body !== undefined) stream.end(body);
  });

const results = [];
const tell = () => {
  const open = !session.destroyed && !session.closed && broken === null;
  process.stdout.write(JSON.stringify({ results, open, alpn }), () => process.exit(0));
};
session.on("connect", async () => {
  alpn = session.alpnProtocol;
  for (let begun = 0; begun < plan.requests.length; begun += plan.at_once)
    results.push(...(await Promise.all(plan.requests.slice(begun, begun + plan.at_once).map(ask))));
  tell();
});
