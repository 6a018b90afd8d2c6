use std::collections::BTreeSet;

use model::UnixMicros;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

fn contract(changes: &[(&str, &str)]) -> Arc<Compiled> {
    let mut text = CASE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let file = ContractFile { name: "acme.yaml".into(), text };
    Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
}

fn shape(operation: Operation, rows: &str) -> Shape {
    Shape {
        entity: "candidate".into(),
        operation: Some(operation),
        rows: rows.into(),
        tenant: Some("client_id".into()),
        fields: ["id", "client_id", "name", "status", "compensation", "medical_notes", "jobs"]
            .map(str::to_owned)
            .to_vec(),
        totals: vec!["$.total".into()],
        cursors: vec!["$.next".into()],
    }
}

/// What comes of an answer. Error: why nothing does.
fn shown(contract: &Compiled, shape: &Shape, answer: &Value) -> Result<Value, String> {
    let phase = contract.phase(UnixMicros(1_795_167_000_000_000)).unwrap();
    let plan = plan(contract, phase, &"ats".parse().unwrap(), shape).ok_or("no plan")?;
    let release = Release::compile(&plan).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut filter = model::Release::filter(&release, Form::Json).map_err(|fault| fault.to_string())?;
    filter.push(answer.to_string().as_bytes(), &mut out).map_err(|fault| fault.to_string())?;
    filter.finish(&mut out).map_err(|fault| fault.to_string())?;
    serde_json::from_slice(&out).map_err(|error| error.to_string())
}

fn candidate(id: u32, client: &str, status: &str) -> Value {
    json!({"id": id, "client_id": client, "name": "N", "status": status, "compensation": {"base": 90_000},
        "medical_notes": "m", "shoe_size": 44, "jobs": [{"title": "t", "compensation": 1}]})
}

#[test]
fn a_release_says_how_many_records_may_come_at_once() {
    for (changes, most) in [(&[("records_at_once: 100", "records_at_once: 7")][..], 7), (&[], 100)] {
        let ready = Ready::new(&contract(changes), &"ats".parse().unwrap(), &shape(Operation::List, "$.data[*]"));
        let says: Vec<_> =
            ready.phases.iter().flatten().map(|release| model::Release::records_max(release.as_ref())).collect();
        assert!(!says.is_empty() && says.iter().all(|says| *says == Some(most)), "{says:?}");
    }
}

#[test]
fn the_case_lets_out_what_its_clauses_say() {
    let contract = contract(&[]);
    let one = shape(Operation::Read, "$");
    let seen = shown(&contract, &one, &candidate(1, "northwind", "active")).unwrap();
    let wanted = json!({"id": 1, "client_id": "northwind", "name": "N", "status": "active", "compensation": "[redacted: §3.2]",
        "medical_notes": "[redacted: §3.3]", "jobs": [{"title": "t", "compensation": "[redacted: §3.2]"}]});
    assert_eq!(seen, wanted);
    for outside in [candidate(1, "contoso", "active"), candidate(1, "northwind", "ended"), json!({"id": 1})] {
        assert!(shown(&contract, &one, &outside).is_err(), "{outside}");
    }
    let listed = json!({"data": [candidate(1, "northwind", "active"), candidate(2, "contoso", "active"),
        candidate(3, "northwind", "ended"), candidate(4, "northwind", "active")], "total": 4, "next": "p2"});
    let seen = shown(&contract, &shape(Operation::List, "$.data[*]"), &listed).unwrap();
    let ids: Vec<&Value> = seen["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!((ids, &seen["total"], &seen["next"]), (vec![&json!(1), &json!(4)], &json!(2), &json!("p2")));
}

#[test]
fn what_cannot_be_laid_out_is_told_and_lets_nothing_out() {
    let contract = contract(&[]);
    let contracts = InForce::new(vec![contract], []).unwrap();
    let wrong = Shape { rows: "data".into(), ..shape(Operation::Read, "$") };
    let tools = [("get".parse().unwrap(), shape(Operation::Read, "$")), ("bad".parse().unwrap(), wrong)];
    let shapes: Shapes = [("ats".parse().unwrap(), tools.into())].into();
    let said = check_shapes(&contracts, &shapes);
    assert!(
        said.len() == 1 && said[0].starts_with("`acme-screening` cannot let anything out of `ats/bad`: "),
        "{said:?}"
    );
}

#[test]
fn what_the_contract_says_of_answers_is_done() {
    let listed = json!({"data": [candidate(1, "northwind", "active"), candidate(2, "contoso", "active")], "total": 2});
    let list = shape(Operation::List, "$.data[*]");
    let refuse = contract(&[("outside: drop", "outside: refuse")]);
    assert!(shown(&refuse, &list, &listed).is_err());
    let quiet = contract(&[("totals: recount, hidden: replace", "totals: remove, hidden: remove")]);
    let seen = shown(&quiet, &list, &listed).unwrap();
    assert_eq!((&seen["total"], seen["data"][0].get("compensation")), (&Value::Null, None));
    let few = contract(&[
        ("records_at_once: 100", "records_at_once: 1"),
        (
            "do: [read, list], entities: [candidate, screening_order]",
            "do: [read, list], entities: [candidate, screening_order], fields: {candidate: [id]}",
        ),
    ]);
    let two = json!({"data": [candidate(1, "northwind", "active"), candidate(2, "northwind", "active")]});
    assert!(shown(&few, &list, &two).is_err());
    // Whatever it is called, an answer of several records is one.
    assert!(shown(&few, &shape(Operation::Read, "$.data[*]"), &two).is_err());
    let seen = shown(&few, &shape(Operation::Read, "$"), &candidate(1, "northwind", "active")).unwrap();
    assert_eq!(seen.get("name"), None, "only what the clause lists");
    assert!(shown(&few, &shape(Operation::Delete, "$"), &json!({})).is_err(), "no clause permits it");
}

#[test]
fn what_an_app_counts_is_told_to_nobody() {
    let list = shape(Operation::List, "$.data[*]");
    let ours = candidate(1, "northwind", "active");
    // No record of somebody else's is on these pages, and some are counted.
    let pages = [json!({"data": [], "total": 9}), json!({"total": 9, "data": []}), json!({"data": [ours], "total": 9})];
    for (totals, told) in [("remove", None), ("recount", Some([0, 0, 1]))] {
        let contract = contract(&[("totals: recount", &format!("totals: {totals}"))]);
        for (at, page) in pages.iter().enumerate() {
            let seen = shown(&contract, &list, page).unwrap();
            assert_eq!(seen.get("total"), told.map(|told| Value::from(told[at])).as_ref(), "{totals}: {page}");
        }
    }
    let refusing = contract(&[("totals: recount", "totals: refuse")]);
    assert!(pages.iter().all(|page| shown(&refusing, &list, page).is_err()));
    assert!(shown(&refusing, &list, &json!({"data": []})).is_ok());
}

/// Every value that stands somewhere in a document, with its path.
fn leaves(path: &str, value: &Value, to: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| leaves(&format!("{path}.{key}"), value, to)),
        Value::Array(items) => items.iter().for_each(|item| leaves(path, item, to)),
        other => drop(to.insert(format!("{path}={other}"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_narrower_contract_releases_no_more(
        wide in any::<[bool; 4]>(), more in any::<[bool; 4]>(),
        records in prop::collection::vec((0..50u32, 0..3usize, 0..3usize), 0..12),
    ) {
        // What narrows: an exclusion, a list of fields, fewer states, fewer tenants.
        let released = |narrows: [bool; 4]| {
            let [excludes, fields, states, tenants] = narrows;
            let mut changes = vec![("totals: recount, hidden: replace", "totals: remove, hidden: remove")];
            if excludes {
                changes.push(("[medical_notes]", "[medical_notes, name, jobs.title]"));
            }
            if fields {
                let listed = "entities: [candidate, screening_order], fields: {candidate: [id, client_id, compensation]}}";
                changes.push(("entities: [candidate, screening_order]}", listed));
            }
            changes.push(("[compensation]", "[compensation.base]"));
            changes.push(("status: [active]", if states { "status: [active]" } else { "status: [active, ended]" }));
            changes.push(("tenants: [northwind]", if tenants { "tenants: [northwind]" } else { "tenants: [northwind, contoso]" }));
            let rows = records.iter().map(|(id, client, status)| {
                candidate(*id, ["northwind", "contoso", "other"][*client], ["active", "ended", "new"][*status])
            });
            let answer = json!({"data": rows.collect::<Vec<_>>()});
            let seen = shown(&contract(&changes), &shape(Operation::List, "$.data[*]"), &answer).unwrap();
            let mut found = BTreeSet::new();
            leaves("", &seen, &mut found);
            found
        };
        let narrow = [0, 1, 2, 3].map(|place| wide[place] || more[place]);
        let (wide, narrow) = (released(wide), released(narrow));
        prop_assert!(narrow.is_subset(&wide), "{:?}", narrow.difference(&wide));
    }
}
