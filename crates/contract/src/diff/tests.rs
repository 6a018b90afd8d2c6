use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

fn told(changes: &[(&str, &str)]) -> String {
    told_of(CASE, changes)
}

fn told_of(before: &str, changes: &[(&str, &str)]) -> String {
    let load = |text: &str| {
        let file = ContractFile { name: "acme.yaml".into(), text: text.into() };
        Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
    };
    let mut text = before.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let difference = difference(&load(before), &load(&text));
    let cells = difference.cells.iter().map(ToString::to_string);
    cells.chain(difference.others).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_cell_that_changes_is_told() {
    assert_eq!(told(&[]), "");
    assert_eq!(told(&[("whether the particulars", "if the particulars")]), "", "words change no cell");
    let told: Vec<String> = [
        ("[medical_notes]", "[medical_notes, phone]"),
        ("[compensation]", "[compensation.base]"),
        ("status: [active]", "status: [active, offered]"),
        ("do: [read, list]", "do: [read]"),
        (
            "entities: [candidate, screening_order]}",
            "entities: [candidate, screening_order], fields: {candidate: [id, name]}}",
        ),
        ("tenants: [northwind]", "tenants: [contoso]"),
        ("600/hour", "60/hour"),
        ("until: 2027-06-30", "until: 2027-12-31"),
    ]
    .into_iter()
    .map(|change| format!("{change:?}\n{}", told(&[change])))
    .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn nothing_that_the_gateway_does_changes_untold() {
    let before = "role:compliance\"]";
    for (change, wanted) in [
        (
            ("sends: {screening_order: [status, findings]}", "sends: {screening_order: [status, findings, price]}"),
            "permits to update `screening_order` in ats, sending price",
        ),
        (
            ("sends: {screening_order: [status, findings]}", "sends: {screening_order: [status]}"),
            "forbids to update `screening_order` in ats, sending findings",
        ),
        (
            ("do: [update], entities: [screening_order], approvers", "do: [update], entities: [candidate], approvers"),
            "limits now: to update `candidate` waits for role:compliance\n\
             no more: to update `screening_order` waits for role:compliance",
        ),
        (
            (before, "role:compliance\"], approvals: 2"),
            "limits now: to update `screening_order` waits for 2 of role:compliance\n\
             no more: to update `screening_order` waits for role:compliance",
        ),
        (("responsible: ana", "responsible: bo"), "acts under bo, before under ana"),
        (
            ("zone: Europe/London", "zone: Pacific/Honolulu"),
            "runs from 2026-07-01 until 2027-06-30 (Pacific/Honolulu), \
             before from 2026-07-01 until 2027-06-30 (Europe/London)",
        ),
    ] {
        assert_eq!(told(&[change]), wanted, "{change:?}");
    }
}

#[test]
fn audits_people_and_sides_that_change_are_told() {
    let audit = "post_hoc: {every: month, look_at: \"candidates that were read without an order that is open\"}";
    let asked = "post_hoc: {every: day, question: \"class:write\", outside: \"mon-fri 07:00-19:00\", at_most: 20/day}";
    assert_eq!(
        told_of(&CASE.replace(audit, asked), &[(asked, audit)]),
        "now: checked afterwards, every month: people look at “candidates that were read without an order that is open”\n\
         no more: checked afterwards, every day: calls that fit “class:write” outside mon-fri 07:00-19:00, at most 20 in a day"
    );
    assert_eq!(
        told(&[("needs_human: security", "needs_human: nobody")]),
        "now: nobody looks after clause 6.4\nno more: security looks after clause 6.4"
    );
    assert_eq!(told(&[("vendor: acme-screening", "vendor: other")]), "is with `other`, before with `acme-screening`");
    let mia = CASE.replace("Jo Berg", "\"human:mia\"");
    let said = told_of(&mia, &[("\"human:mia\"", "Jo Berg")]);
    assert!(said.contains("no more of the vendor's side: `human:mia` as "), "{said}");
}

#[test]
fn conditions_that_make_too_many_states_are_told_by_themselves() {
    let countries: Vec<String> = (0..27).map(|number| format!("C{number}")).collect();
    let states: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let many = format!("country: [{}], status: [{}]", countries.join(", "), states.join(", "));
    let before = CASE.replace("status: [active]", &many);
    assert_eq!(
        told_of(&before, &[("s19]", "s19, archived]")]),
        "permits each `candidate` whose `status` is `archived`"
    );
    assert_eq!(told_of(&before, &[(", s19]", "]")]), "forbids each `candidate` whose `status` is `s19`");
    let all = format!(", status: [{}]", states.join(", "));
    assert_eq!(told_of(&before, &[(&all, "")]), "permits each `candidate` whatever its `status` is");
    let ids: Vec<String> = (0..600).map(|number| format!("c{number}")).collect();
    let one = CASE.replace("status: [active]", &format!("id: [{}]", ids.join(", ")));
    assert_eq!(told_of(&one, &[("c599]", "c599, c600]")]), "permits each `candidate` whose `id` is `c600`");
}

#[test]
fn every_stretch_between_amendments_is_compared() {
    let last = "The law of England and Wales applies.\n    needs_human: nobody\n";
    let first = "{clause: \"A1\", says: base, supersedes: [\"3.2\"], excludes: {fields: {candidate: [compensation]}}}";
    let second =
        "{clause: \"B1\", says: as before, supersedes: [\"A1\"], excludes: {fields: {candidate: [compensation]}}}";
    let amendment = |name: &str, from: &str, clause: &str| {
        format!(
            "  - document: {{name: {name}, sha256: {:064}, dated: 2026-09-01, clauses: [{name}]}}\n    from: {from}\n    clauses:\n      - {clause}\n",
            0
        )
    };
    let (first, second) = (amendment("A1", "2026-10-01", first), amendment("B1", "2027-01-01", second));
    let amended = format!("{last}amendments:\n{first}{second}");
    assert_eq!(told(&[(last, &amended)]), "", "what is said again changes nothing");
    // In the middle alone; and from a day on.
    let narrower = first.replace("[compensation]", "[compensation.base]");
    let read = "permits to read `candidate` in ats: compensation, where status is active";
    let list = read.replace("read", "list");
    assert_eq!(
        told_of(&CASE.replace(last, &amended), &[(&first, &narrower)]),
        format!("{read}, from 2026-10-01 until 2026-12-31\n{list}, from 2026-10-01 until 2026-12-31")
    );
    assert_eq!(
        told(&[(last, &format!("{last}amendments:\n{narrower}"))]),
        format!("{read}, from 2026-10-01 until 2027-06-30\n{list}, from 2026-10-01 until 2027-06-30")
    );
    let faster = "{clause: \"A1\", says: faster, supersedes: [\"5.1\"], limits: {requests: 900/hour}}";
    assert_eq!(
        told(&[(last, &format!("{last}amendments:\n{}", amendment("A1", "2026-10-01", faster)))]),
        "limits now: At most 900 requests in an hour, from 2026-10-01 until 2027-06-30\n\
         no more: At most 600 requests in an hour, from 2026-10-01 until 2027-06-30"
    );
}
