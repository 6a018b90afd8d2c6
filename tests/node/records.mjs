// An applicant tracking system for tests: json-server (by others) with candidates, screening orders and invoices of two clients at
// `/v1`. Prints its port, and ends with its standard input. With `strong`, its versions hold for writes; with `RECORDS_TOKEN` in its
// environment, it wants that token. That it has no record whose id is one of NONE it says in another way than with 404.
import jsonServer from "json-server";

const candidate = (id, client_id, status, salary) => ({
  id,
  client_id,
  status,
  name: `Candidate ${id}`,
  employment: { title: "welder" },
  compensation: [{ year: 2025, amount: salary }],
  medical_notes: `notes of ${id}`,
  salary,
});
const candidates = [
  ...Array.from({ length: 40 }, (_, place) => candidate(`c_${place}`, "northwind", place % 4 === 3 ? "closed" : "active", 50_000 + place)),
  ...Array.from({ length: 10 }, (_, place) => candidate(`x_${place}`, "contoso", "active", 90_000 + place)),
];
const order = (id, client_id, candidate_id) => ({ id, client_id, candidate_id, status: "open", findings: null });
const orders = [order("o_1", "northwind", "c_1"), order("o_2", "northwind", "c_2"), order("x_1", "contoso", "x_1")];
const invoices = [{ id: "i_1", client_id: "northwind", amount: 1_000 }];

const NONE = {
  n_gone: (response) => response.status(410).json({ error: "gone" }),
  n_bad: (response) => response.status(400).json({ error: "no such id" }),
  n_hidden: (response) => response.status(403).json({}),
  n_nothing: (response) => response.status(204).end(),
  n_list: (response) => response.json([]),
  n_null: (response) => response.json(null),
  n_false: (response) => response.json(false),
  n_error: (response) => response.json({ error: "none" }),
  n_blank: (response) => response.type("json").send(" \n"),
  n_words: (response) => response.type("json").send("not found"),
  n_page: (response) => response.type("html").send("<p>not found</p>"),
  n_elsewhere: (response) => response.redirect("/none"),
};

const app = jsonServer.create();
if (process.argv[2] === "strong") app.set("etag", "strong");
app.use((request, response, next) => {
  const wanted = process.env.RECORDS_TOKEN;
  if (wanted && request.headers.authorization !== `Bearer ${wanted}`) return response.status(401).json({ token: wanted });
  next();
});
app.use(jsonServer.defaults({ logger: false, noCors: true }));
app.use(jsonServer.bodyParser);
app.get("/v1/:kind/:id", (request, response, next) => (NONE[request.params.id] ?? (() => next()))(response));
const router = jsonServer.router({ candidates, orders, invoices });
router.render = (request, response) => {
  const data = response.locals.data;
  const total = response.get("x-total-count");
  response.json(Array.isArray(data) ? { data, total: Number(total ?? data.length), next: response.get("link") ?? null } : data);
};
app.use("/v1", router);
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
