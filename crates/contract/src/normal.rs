//! The forms of a contract that people sign: canonical (everything that was written, RFC 8785) and normal (what it makes the
//! gateway do, spelt out for every stretch of time). `docs/guide/contracts.md` publishes the normal form.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use model::{Digest, RuleId};
use serde_json::{Map, Value, json};

use crate::agreement::Agreement;
use crate::compiled::{Phase, VolumeOf};
use crate::words::value_text;

/// What people sign of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms {
    /// RFC 8785 of everything that was written.
    pub canonical: String,
    /// RFC 8785 of what it makes the gateway do.
    pub normal: String,
    /// SHA-256 over the document's digest and those of both forms: what a signature is about.
    pub digest: Digest,
}

pub(crate) fn forms(agreement: &Agreement, phases: &[Phase]) -> Result<Forms, String> {
    let canonical = serde_json::to_vec(agreement).map_err(|error| error.to_string())?;
    let normal = serde_json::to_vec(&normal(agreement, phases)).map_err(|error| error.to_string())?;
    let written = |bytes: &[u8]| {
        let bytes = json::canonical(bytes).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    };
    let (canonical, normal) = (written(&canonical)?, written(&normal)?);
    let mut documents = vec![agreement.document.sha256];
    documents.extend(agreement.amendments.iter().map(|amendment| amendment.document.sha256));
    let mut digest = Context::new(&SHA256);
    digest.update(DOMAIN.as_bytes());
    for part in documents.iter().copied().chain([sha256(canonical.as_bytes()), sha256(normal.as_bytes())]) {
        digest.update(b"\n");
        digest.update(part.to_string().as_bytes());
    }
    Ok(Forms { canonical, normal, digest: of_context(digest) })
}

/// SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Context::new(&SHA256);
    digest.update(bytes);
    of_context(digest)
}

fn of_context(context: Context) -> Digest {
    let digest = context.finish();
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Digest::new(out)
}

fn normal(agreement: &Agreement, phases: &[Phase]) -> Value {
    let answers = &agreement.answers;
    json!({
        "normal_form": NORMAL_FORM,
        "contract": agreement.contract,
        "vendor": agreement.vendor,
        "responsible": agreement.parties.responsible,
        "apps": agreement.apps,
        "tenants": agreement.tenants,
        "purposes": agreement.purposes,
        "begins_us": agreement.term.begins.0.to_string(),
        "ends_us": agreement.term.ends.0.to_string(),
        "answers": {
            "outside": answers.outside, "totals": answers.totals, "hidden": answers.hidden,
            "other_types": answers.other_types, "accept_race": answers.accept_race,
        },
        "phases": phases.iter().map(phase).collect::<Vec<Value>>(),
    })
}

fn phase(phase: &Phase) -> Value {
    let permits: Vec<Value> = phase
        .permits
        .iter()
        .flat_map(|permitted| {
            let clause = clause_of(&permitted.said.rule.id);
            let permits = &permitted.clause;
            permits.entities.iter().flat_map(move |entity| {
                let clause = clause.clone();
                permits.operations.iter().map(move |operation| {
                    json!({
                        "clause": clause, "entity": entity, "do": operation, "apps": permits.apps,
                        "shows": permits.fields.get(entity), "sends": permits.sends.get(entity),
                    })
                })
            })
        })
        .collect();
    let hidden: Vec<Value> = phase
        .hidden_fields
        .iter()
        .map(|hidden| {
            let entity = hidden.entity.as_deref().unwrap_or("all");
            json!({"clause": clause_of(&hidden.said.rule.id), "entity": entity, "field": hidden.path})
        })
        .collect();
    let conditions: Vec<Value> = phase
        .conditions
        .iter()
        .map(|one| {
            let values: Vec<String> = one.one_of.iter().map(value_text).collect();
            json!({"clause": clause_of(&one.said.rule.id), "entity": one.entity, "field": one.path, "one_of": values})
        })
        .collect();
    json!({
        "from_us": phase.from.0.to_string(),
        "permits": permits,
        "hides": hidden,
        "hides_entities": named(phase.hidden_entities.iter().map(|(entity, said)| (entity.to_string(), &said.rule.id))),
        "forbids": named(phase.hidden_operations.iter().map(|(one, said)| (one.to_string(), &said.rule.id))),
        "where": conditions,
        "limits": limits(phase),
        "waits": waits(phase),
    })
}

fn limits(phase: &Phase) -> Vec<Value> {
    let requests = phase.requests.iter().map(|one| {
        json!({"clause": clause_of(&one.said.rule.id), "of": "requests", "most": one.rate.most, "seconds": one.rate.seconds})
    });
    let volumes = phase.volumes.iter().map(|one| {
        let of = match one.of {
            VolumeOf::Records => "records",
            VolumeOf::Bytes => "bytes",
        };
        json!({"clause": one.clause, "of": of, "most": one.most, "seconds": one.within.as_secs()})
    });
    let at_once = phase
        .at_once
        .iter()
        .map(|(most, said)| json!({"clause": clause_of(&said.rule.id), "of": "records_at_once", "most": most}));
    requests.chain(volumes).chain(at_once).collect()
}

fn waits(phase: &Phase) -> Vec<Value> {
    let wait = |held: &crate::compiled::Held| {
        let rule = &held.said.rule;
        json!({
            "clause": clause_of(&rule.id), "entities": held.entities, "do": held.operations,
            "approvers": rule.approvers, "approvals": rule.approvals,
        })
    };
    phase.holds.iter().map(wait).collect()
}

fn named<'r>(of: impl Iterator<Item = (String, &'r RuleId)>) -> Value {
    let named: BTreeMap<String, String> = of.map(|(name, rule)| (name, clause_of(rule))).collect();
    Value::Object(named.into_iter().map(|(name, clause)| (name, Value::from(clause))).collect::<Map<_, _>>())
}

/// The number of the clause that a rule is.
fn clause_of(rule: &RuleId) -> String {
    rule.as_str().rsplit('/').next().unwrap_or_default().to_owned()
}

/// The version of the normal form. Whoever changes what stands in it makes it one more, and every signature is asked for again.
pub const NORMAL_FORM: u64 = 1;
const DOMAIN: &str = "countersign contract v1";
