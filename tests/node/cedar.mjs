// Stock Cedar, as npm has it. On standard input: `{schema, policies, requests: [{principal, action, resource, context, entities}]}`.
// On standard output: `{version, errors, warnings, decisions: ["allow" | "deny"], broken: [[message]]}`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const cedar = createRequire(import.meta.url)("@cedar-policy/cedar-wasm/nodejs");
const { schema, policies, requests } = JSON.parse(readFileSync(0, "utf8"));
const said = (problems) => problems.map((problem) => problem.message ?? problem.error?.message ?? JSON.stringify(problem));

const validated = cedar.validate({ schema, policies: { staticPolicies: policies } });
const answer = { version: cedar.getCedarVersion(), errors: [], warnings: [], decisions: [], broken: [] };
if (validated.type === "failure") {
  answer.errors = said(validated.errors);
} else {
  answer.errors = said(validated.validationErrors);
  answer.warnings = said(validated.validationWarnings);
}
for (const request of requests) {
  const made = cedar.isAuthorized({ ...request, schema, validateRequest: true, policies: { staticPolicies: policies } });
  if (made.type === "failure") {
    answer.decisions.push("failure");
    answer.broken.push(said(made.errors));
  } else {
    answer.decisions.push(made.response.decision);
    answer.broken.push(said(made.response.diagnostics.errors));
  }
}
console.log(JSON.stringify(answer));
