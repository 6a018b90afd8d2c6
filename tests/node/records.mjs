// An applicant tracking system for tests: json-server (by others), with candidates of two clients at `/v1/candidates`. Prints its
// port, and ends with its standard input.
import jsonServer from "json-server";

const candidate = (id, client_id, status, salary) => ({
  id,
  client_id,
  status,
  name: `Candidate ${id}`,
  employment: { title: "welder", salary },
  compensation: [{ year: 2025, amount: salary }],
  medical_notes: `notes of ${id}`,
  salary,
});
const candidates = [
  ...Array.from({ length: 40 }, (_, place) => candidate(`c_${place}`, "northwind", place % 4 === 3 ? "closed" : "active", 50_000 + place)),
  ...Array.from({ length: 10 }, (_, place) => candidate(`x_${place}`, "contoso", "active", 90_000 + place)),
];
const app = jsonServer.create();
app.use(jsonServer.defaults({ logger: false }));
app.use(jsonServer.bodyParser);
app.use("/v1", jsonServer.router({ candidates }));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
