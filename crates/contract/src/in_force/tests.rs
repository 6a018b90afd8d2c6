use model::UnixMicros;

use super::*;
use crate::register::Coverage;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

/// A contract in which every part is.
const WHOLE: &str = r#"contract: acme
vendor: acme
document: {name: Agreement, sha256: 0000000000000000000000000000000000000000000000000000000000000000, dated: 2026-06-01, clauses: ["1", "2", "3", "4", "5", "6"]}
parties:
  ours: {name: We}
  theirs: {name: Acme}
  responsible: ana
apps: [ats]
tenants: [northwind]
term: {from: 2026-07-01, until: 2027-06-30}
answers: {outside: drop, totals: remove, hidden: remove}
clauses:
  - {clause: "1", says: may read, permits: {do: [read, list], entities: [candidate], fields: {candidate: [id, name, employment]}}}
  - {clause: "2", says: no salary, excludes: {fields: {candidate: [employment.salary]}}}
  - {clause: "3", says: active only, limits: {where: {candidate: {status: [active]}}}}
  - {clause: "4", says: not too often, limits: {requests: 600/hour}}
  - {clause: "5", says: looked at later, post_hoc: {every: month, look_at: reports}}
  - {clause: "6", says: a person, needs_human: legal}
amendments:
  - document: {name: Amendment, sha256: 1111111111111111111111111111111111111111111111111111111111111111, dated: 2026-09-01, clauses: ["A1"]}
    from: 2026-10-01
    clauses:
      - {clause: "A1", says: more often, supersedes: ["4"], limits: {requests: 900/hour}}
"#;

fn file(text: &str) -> ContractFile {
    ContractFile { name: "contracts/acme.yaml".into(), text: text.into() }
}

/// What is wrong with the whole contract once this is changed in it.
fn wrong(changes: &[(&str, &str)]) -> String {
    let mut text = WHOLE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    match Compiled::load(&file(&text)) {
        Ok(loaded) => format!("accepted, with {} notes", loaded.notes.len()),
        Err(errors) => {
            let told = errors.iter().map(|error| match error.hint() {
                Some(hint) => format!("{error}\n    hint: {hint}"),
                None => error.to_string(),
            });
            told.collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn a_whole_contract_loads() {
    assert_eq!(wrong(&[]), "accepted, with 0 notes");
}

#[test]
fn every_message_says_where_and_what_to_do() {
    let amended = "    from: 2026-10-01\n";
    let cases: &[&[(&str, &str)]] = &[
        // What is not written right.
        &[("contract: acme\n", "contract: Acme Screening\n")],
        &[("vendor: acme\n", "vendro: acme\n")],
        &[("sha256: 0", "sha256: x")],
        &[("dated: 2026-06-01", "dated: June")],
        &[("until: 2027-06-30", "until: 2026-06-30")],
        &[("until: 2027-06-30", "until: 2027-06-30, zone: Europe/Londn")],
        &[("tenants: [northwind]", "tenants: []")],
        &[("totals: remove", "totals: recuont")],
        &[("hidden: remove", "hidden: remove, other_types: [application/pdf]")],
        &[("permits: {do: [read, list]", "permits: {do: [raed, list]")],
        &[("permits:", "permit:")],
        &[(", needs_human: legal", "")],
        &[("says: a person, ", "")],
        &[("needs_human: legal", "needs_human: legal, limits: term")],
        &[("600/hour", "600/fortnight")],
        &[("{requests: 600/hour}", "{}")],
        &[("limits: {requests: 600/hour}", "limits: trem")],
        &[("status: [active]", "status: []")],
        &[("[employment.salary]", "[\"employment..salary\"]")],
        &[("fields: {candidate: [id, name, employment]}", "fields: {candidat: [id]}")],
        &[("do: [read, list]", "do: [read, update]")],
        &[("entities: [candidate]", "entities: [all]")],
        &[("look_at: reports", "")],
        &[("needs_human: legal", "needs_human: {who: legal, before: {approvers: [everybody]}}")],
        &[("needs_human: legal", "needs_human: {who: nobody, before: {approvers: [\"role:legal\"]}}")],
        &[("excludes: {fields: {candidate: [employment.salary]}}", "excludes: {}")],
        // What would be accepted and do nothing.
        &[("excludes: {fields: {candidate: [employment.salary]}}", "excludes: {entities: [all]}")],
        &[("needs_human: legal", "needs_human: {who: legal, before: {entities: [all], approvers: [\"role:legal\"]}}")],
        &[("limits: {requests: 600/hour}", "limits: purposes")],
        &[("limits: {requests: 900/hour}", "limits: [term, purposes]")],
        &[("until: 2027-06-30", "until: 2027-06-30, zone: +2")],
        &[("{candidate: {status: [active]}}", "{candidate: {}}")],
        &[("where: {candidate: {status: [active]}}", "where: {}, records: 5/hour")],
        &[("status: [active]", "status: [active], \"$.status\": [active, ended]")],
        &[("excludes: {fields: {candidate: [employment.salary]}}", "excludes: {do: [delete], fields: {}}")],
        &[("theirs: {name: Acme}", "theirs: {name: Acme, people: {dpo: \"human: jo\"}}")],
        &[("theirs: {name: Acme}", "theirs: {name: Acme, people: {dpo: \"Human:jo\"}}")],
        // What is unaccounted for.
        &[("\"5\", \"6\"]", "\"5\", \"6\", \"7\"]")],
        &[("\"5\", \"6\"]", "\"5\"]")],
        &[("\"5\", \"6\"]", "\"5\", \"6\", \"5\"]")],
        &[("{clause: \"6\"", "{clause: \"5\"")],
        &[
            ("theirs: {name: Acme}", "theirs: {name: Acme, people: {consultant: \"human:mia\"}}"),
            ("needs_human: legal", "needs_human: {who: legal, before: {approvers: [\"role:legal\", \"human:mia\"]}}"),
        ],
        // What contradicts itself.
        &[("excludes: {fields: {candidate: [employment.salary]}}", "excludes: {entities: [candidate]}")],
        &[("excludes: {fields: {candidate: [employment.salary]}}", "excludes: {do: [list]}")],
        &[("[employment.salary]", "[employment]")],
        // A name by itself is kept back at any depth.
        &[("[employment.salary]", "[salary]"), ("[id, name, employment]", "[id, employment.salary]")],
        &[
            ("[employment.salary]", "[salary]"),
            ("do: [read, list]", "do: [read, update]"),
            ("fields: {candidate: [id, name, employment]}", "sends: {candidate: [employment.salary]}"),
        ],
        &[("where: {candidate:", "where: {candidates:")],
        &[("needs_human: legal", "limits: {where: {candidate: {status: [ended]}}}")],
        // What overlaps.
        &[("needs_human: legal", "permits: {do: [list], entities: [candidate]}")],
        &[("needs_human: legal", "excludes: {fields: {all: [employment.salary.base]}}")],
        &[("needs_human: legal", "limits: {where: {candidate: {status: [active, new]}}}")],
        &[("needs_human: legal", "limits: {requests: 900/hour}")],
        &[("supersedes: [\"4\"], ", "")],
        // What is back-dated, or out of its time.
        &[("dated: 2026-06-01", "dated: 2026-07-02")],
        &[("dated: 2026-09-01", "dated: 2026-10-02")],
        &[(amended, "    from: 2027-10-01\n")],
        &[(amended, "    from: 2026-06-01\n"), ("dated: 2026-09-01", "dated: 2026-05-01")],
        &[("supersedes: [\"4\"]", "supersedes: [\"44\"]")],
        &[
            ("supersedes: [\"4\"]", "supersedes: [\"4\", \"2\"]"),
            ("needs_human: legal", "needs_human: legal, supersedes: [\"4\"]"),
        ],
        &[("entities: [candidate],", "entities: [candidate], apps: [atss],")],
    ];
    let told: Vec<String> = cases.iter().map(|changes| format!("{changes:?}\n{}", wrong(changes))).collect();
    let accepted: Vec<&String> = told.iter().filter(|told| told.contains("accepted")).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_contract_that_permits_nothing_says_so() {
    let text = WHOLE.replace(
        "permits: {do: [read, list], entities: [candidate], fields: {candidate: [id, name, employment]}}",
        "needs_human: legal",
    );
    let text = text.replace("limits: {where: {candidate: {status: [active]}}}", "limits: term");
    let notes = Compiled::load(&file(&text)).unwrap().notes;
    let said: Vec<&str> = notes.iter().map(ContractError::said).collect();
    assert_eq!(said, ["no clause permits anything: under this contract the vendor may do nothing"]);
}

#[test]
fn what_could_never_be_made_or_changed_is_told() {
    let notes = |to: &str, on: &str| {
        let text = WHOLE.replace("do: [read, list], entities: [candidate]", to).replace("status: [active]", on);
        let notes = Compiled::load(&file(&text)).unwrap().notes;
        notes.iter().map(|note| format!("{}; {}", note.said(), note.hint().unwrap_or_default())).collect::<Vec<_>>()
    };
    let create = "do: [read, create], entities: [candidate], sends: {candidate: [name]}";
    let on = "status: [active]";
    assert_eq!(
        notes(create, on),
        [
            "clause 1 permits to create `candidate`, and clause 3 goes by its `status`, which nothing shows before: it would never be done \
          unless the call names the record that it hangs on; \
          have the app's mapping name that record (`id`), or let `status` be sent, or take `create` out"
        ]
    );
    assert_eq!(notes(&create.replace("[name]", "[name, status]"), on), [""; 0]);
    assert_eq!(notes("do: [read, delete], entities: [candidate]", on), [""; 0], "the record is looked at");
    assert_eq!(
        notes("do: [read, delete], entities: [candidate]", "\"jobs[].level\": [3]"),
        [
            "clause 1 permits to delete `candidate`, and clause 3 goes by its `jobs[].level`, which nothing shows before: it would never be done; \
          a condition on a list is for what is read: name a plain field"
        ]
    );
    assert_eq!(notes("do: [read, list], entities: [candidate]", "\"jobs[].level\": [3]"), [""; 0]);
}

#[test]
fn an_amendment_holds_from_its_day() {
    let contract = Compiled::load(&file(WHOLE)).unwrap().contract;
    let at = |text: &str| UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let most = |moment: &str| contract.phase(at(moment)).map(|phase| phase.requests[0].rate.most);
    assert_eq!(most("2026-06-30T23:59:59Z"), None);
    assert_eq!(most("2026-09-30T23:59:59.999999Z"), Some(600));
    assert_eq!(most("2026-10-01T00:00:00Z"), Some(900));
    assert_eq!(most("2027-07-01T00:00:00Z"), None);
    let stretch = |clause: &str| contract.agreement().stretch_of(&clause.parse().unwrap());
    let (begins, amended, ends) = ("2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", "2027-07-01T00:00:00Z");
    assert_eq!(stretch("3"), Some((at(begins), at(ends))));
    assert_eq!(stretch("4"), Some((at(begins), at(amended))));
    assert_eq!(stretch("A1"), Some((at(amended), at(ends))));
    assert_eq!(stretch("9"), None);
    let superseded: Vec<(String, String)> = contract
        .register()
        .into_iter()
        .filter_map(|row| Some((row.clause.to_string(), row.superseded_by?.to_string())))
        .collect();
    assert_eq!(superseded, [("4".to_owned(), "A1".to_owned())]);
}

#[test]
fn the_register_of_the_case_lists_every_clause() {
    let contract = Compiled::load(&file(CASE)).unwrap().contract;
    let rows = contract.register();
    assert_eq!(Coverage::of(&rows), Coverage { enforced: 10, checked_afterwards: 1, needs_human: 8, asks_nothing: 2 });
    // Each is quoted as the document has it, at its place.
    let document = include_str!("../../../../examples/contracts/acme-screening.md");
    assert_eq!(sha256(document.as_bytes()), contract.agreement().document.sha256);
    for clause in &contract.agreement().clauses {
        let at = clause.at.unwrap();
        let (start, length) = (usize::try_from(at.offset).unwrap(), usize::try_from(at.bytes).unwrap());
        assert_eq!(
            &document.as_bytes()[start..start + length],
            clause.text.as_deref().unwrap().as_bytes(),
            "{}",
            clause.clause
        );
    }
}

#[test]
fn the_forms_change_with_what_is_said_and_with_nothing_else() {
    let forms = |text: &str| Compiled::load(&file(text)).unwrap().contract.forms().clone();
    let whole = forms(WHOLE);
    let spaced = forms(&WHOLE.replace("apps: [ats]", "# a comment\napps:\n- ats\n"));
    assert_eq!(whole, spaced);
    let said = forms(&WHOLE.replace("says: may read", "says: may look"));
    assert!(said.normal == whole.normal && said.digest != whole.digest, "it does the same, and says something else");
    let done = forms(&WHOLE.replace("600/hour", "601/hour"));
    assert!(done.normal != whole.normal && done.digest != whole.digest);
    let other = forms(&WHOLE.replace("sha256: 000", "sha256: 001"));
    assert!(other.digest != whole.digest, "of another document");
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&whole.normal).unwrap()).unwrap()
    );
}

#[test]
fn what_nobody_has_decided_is_no_contract() {
    for (from, to, said) in [
        ("name: Acme", "name: \"?\"", "`?` stands here for what nobody has decided yet"),
        (
            "tenants: [northwind]",
            "tenants: [\"?\", ' ? ']",
            "`?` stands in 2 places for what nobody has decided yet, and first here",
        ),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        let errors = Compiled::load(&file(&WHOLE.replacen(from, to, 1))).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!(error.said(), said);
        assert!(error.hint().unwrap().contains("a draft lies outside of what `contracts:` names"), "{error:?}");
    }
    let asks = WHOLE.replace("apps: [ats]", "# ? is it all of them\napps: [ats]  # ? the systems it is about");
    let loaded = Compiled::load(&file(&asks)).unwrap();
    let said: Vec<&str> = loaded.notes.iter().map(ContractError::said).collect();
    assert_eq!(said, ["2 comments `# ?` still ask something, the first one here"]);
}

#[test]
fn two_files_of_one_contract_are_refused() {
    let one = Compiled::load(&file(WHOLE)).unwrap().contract;
    let other =
        Compiled::load(&ContractFile { name: "contracts/other.yaml".into(), text: WHOLE.into() }).unwrap().contract;
    let errors = InForce::new(vec![one, other], []).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "contracts/other.yaml:1:1: the contract `acme` is written in contracts/acme.yaml as well"
    );
    assert!(errors[0].hint().unwrap().contains("outside of what `contracts:` names"), "{errors:?}");
}

#[test]
fn a_document_is_the_one_that_is_named_and_says_what_is_quoted() {
    let document = include_str!("../../../../examples/contracts/acme-screening.md");
    let said = |text: &str, read: &dyn Fn(&str) -> Result<DocumentFile, String>| -> Vec<String> {
        let contract = Compiled::load(&file(text)).unwrap().contract;
        contract.check_documents(read).iter().map(ToString::to_string).collect()
    };
    let plain = |text: &str| DocumentFile { bytes: text.as_bytes().to_vec(), text: None };
    let whole = |_: &str| Ok(plain(document));
    assert_eq!(said(CASE, &whole), Vec::<String>::new());
    let altered = |_: &str| Ok(plain(&document.replace("600 requests", "6,000 requests")));
    let told = said(CASE, &altered);
    assert!(
        told.len() == 1
            && told[0].contains(
                "`acme-screening.md` is not the document that this contract stands for: its digest is sha256:"
            ),
        "{told:?}"
    );
    let told = said(CASE, &|_| Err("there is no such file".to_owned()));
    assert_eq!(
        told,
        ["contracts/acme.yaml:1:1: the document `acme-screening.md` cannot be used: there is no such file"]
    );
    let misquoted = CASE.replace("more than 600 requests in any hour", "more than 900 requests in any hour");
    let told = said(&misquoted, &whole);
    assert!(
        told.len() == 1 && told[0].ends_with("clause 5.1 is not quoted as `acme-screening.md` has it there"),
        "{told:?}"
    );
    let moved = CASE.replace("offset: 227,", "offset: 1000000000,");
    assert_eq!(said(&moved, &whole).len(), 1, "past the end of the document");
    // The digest is that of the file; what is quoted stands in the text that was taken out of it.
    let taken_out = |text: &str| DocumentFile { text: Some(text.to_owned()), ..plain(document) };
    assert_eq!(said(CASE, &|_| Ok(taken_out(document))), Vec::<String>::new());
    let told = said(CASE, &|_| Ok(taken_out(&document.replace("600 requests", "900 requests"))));
    assert!(told.len() == 1 && told[0].ends_with("clause 5.1 is not quoted as `acme-screening.md` has it there"));
}
