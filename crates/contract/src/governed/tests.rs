use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Access, Agent, App, AppId, ArgumentFacts, Class, ClassSource, ContractFacts, DataClassification, Digest,
    Evaluation, Facts, Human, HumanId, Layer, Method, Operation, Risk, RuleOutcome, Rules, Scalar, Shown, SignedInBy,
    Standing, TaskId, ToolFacts, ToolName, ToolStatus, UnixMicros,
};
use proptest::prelude::*;

use crate::signature::{Act, Signature, Signatures};
use crate::{Compiled, ContractFile, Governed, InForce, NORMAL_FORM};

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

/// An organisation that permits everything.
struct Generous;

impl Rules for Generous {
    fn digest(&self) -> Digest {
        Digest::new([1; 32])
    }

    fn evaluate(&self, layer: Layer, _: &Facts) -> Evaluation {
        let source = model::RuleSource { file: "r.cedar".into(), line: 1, column: 1, text: "permit".into() };
        let id = "generous".parse().unwrap();
        let rule = Arc::new(model::RuleInfo::new(id, RuleOutcome::Permit, layer, source, "everybody may".into()));
        Evaluation { hits: vec![model::Hit::from(rule)], faults: Vec::new() }
    }

    fn described_by(&self, _: &AppId) -> Option<Digest> {
        Some(Digest::new([2; 32]))
    }
}

#[test]
fn the_people_of_the_vendor_are_told() {
    let rules = governed(&CASE.replace("Jo Berg", "\"human:jo\""));
    let of = |contract: &str| rules.of_the_vendor(&contract.parse().unwrap());
    assert_eq!((of("acme-screening"), of("other")), (vec!["jo".parse().unwrap()], vec![]));
}

#[test]
fn an_app_is_known_by_the_description_of_the_rules() {
    assert_eq!(governed(CASE).described_by(&"ats".parse().unwrap()), Some(Digest::new([2; 32])));
}

fn load(text: &str) -> Arc<Compiled> {
    let file = ContractFile { name: "contracts/acme-screening.yaml".into(), text: text.into() };
    Compiled::load(&file).unwrap_or_else(|errors| panic!("{errors:#?}")).contract
}

fn signed(contract: &Arc<Compiled>) -> Signatures {
    let signature = |by: &str| Signature { by: by.parse().unwrap(), how: SignedInBy::Passkey, at_us: 1 };
    Signatures {
        contract: contract.id().clone(),
        digest: contract.forms().digest,
        normal: contract.forms().normal.clone(),
        canonical: None,
        normal_form: NORMAL_FORM,
        earlier: None,
        signatures: vec![signature("ana"), signature("bob")],
        suspended: None,
        terminated: None,
    }
}

fn governed(text: &str) -> Governed<Generous> {
    let contract = load(text);
    let signatures = signed(&contract);
    Governed::new(Generous, Arc::new(InForce::new(vec![contract], [signatures]).unwrap()))
}

/// A moment of a day.
fn at(text: &str) -> UnixMicros {
    UnixMicros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn known() -> ContractFacts {
    ContractFacts {
        contract: "acme-screening".parse().unwrap(),
        vendor: "acme-screening".parse().unwrap(),
        standing: Standing::Unknown,
        digest: None,
        purpose: Some("background-screening".into()),
        tenant: Shown::Open,
        entity: Some("candidate".into()),
        operation: Some(Operation::Read),
        state: BTreeMap::new(),
        asks: Vec::new(),
        sends: Vec::new(),
        records: None,
        spent: Vec::new(),
    }
}

fn facts(now: UnixMicros, known: ContractFacts, rules: &dyn Rules) -> Facts {
    let (standing, digest) = rules.standing(&known.contract, now);
    let ana: HumanId = "ana".parse().unwrap();
    Facts {
        now,
        method: Method::ToolsCall,
        agent: Arc::new(Agent {
            id: "acme-integration".parse().unwrap(),
            name: "Acme".into(),
            owner: ana.clone(),
            model_tier: None,
            recommend_only: false,
            active: true,
        }),
        human: Arc::new(Human {
            id: ana,
            name: "Ana".into(),
            department: None,
            seniority: None,
            role: None,
            manager: None,
            active: true,
        }),
        task: TaskId::parse("acme-screening").unwrap(),
        app: Arc::new(App {
            id: "ats".parse().unwrap(),
            name: "ATS".into(),
            risk: Risk::High,
            data: DataClassification::Restricted,
            category: None,
            owners: Vec::new(),
            access: Access::default(),
            stopped: false,
            observe: false,
        }),
        tool: ToolFacts::new(
            ToolName::parse("get_candidate").unwrap(),
            Class::Read,
            ClassSource::Profile,
            ToolStatus::Pinned,
        ),
        access: true,
        all_stopped: false,
        arguments: ArgumentFacts::unread(),
        spent: Vec::new(),
        approved: Vec::new(),
        contract: Some(Arc::new(ContractFacts { standing, digest, ..known })),
    }
}

fn noon() -> UnixMicros {
    at("2026-11-20T12:00:00Z")
}

/// What comes of it, with every clause that says so.
fn said(rules: &dyn Rules, facts: &Facts) -> String {
    let decision = decide::decide(rules, facts);
    let reasons: Vec<String> = decision
        .reasons()
        .iter()
        .map(|reason| {
            let number = reason.clause.as_ref().map_or("-", |clause| clause.number.as_str());
            format!("  {number:<4} {}", reason.sentence)
        })
        .collect();
    format!("{}\n{}", decision.verdict(), reasons.join("\n"))
}

#[track_caller]
fn refused(rules: &dyn Rules, known: ContractFacts, wanted: &str) {
    let shown = said(rules, &facts(noon(), known, rules));
    assert_eq!(shown, format!("deny\n  {wanted}"));
}

#[test]
fn the_case_runs_with_each_check_and_its_clause() {
    let rules = governed(CASE);
    insta::assert_snapshot!(said(&rules, &facts(noon(), known(), &rules)));
}

#[test]
fn each_check_refuses_with_its_clause_in_their_order() {
    let rules = governed(CASE);
    let text = |text: &str| Shown::Known(Scalar::Text(text.into()));
    let state = |value: &str| BTreeMap::from([(Arc::from("status"), text(value))]);
    let mut all = known();
    // Everything is wrong with it, and one thing after the other is mended.
    all.vendor = "other".parse().unwrap();
    all.purpose = None;
    all.tenant = Shown::Known(vec!["contoso".into()]);
    all.entity = Some("payroll".into());
    all.state = state("ended");
    all.asks = vec!["Compensation.base".into()];
    all.operation = Some(Operation::List);
    all.records = Some(101);
    let mut shown = Vec::new();
    let mut now = at("2027-07-01T00:00:00+01:00");
    type Mend = fn(&mut ContractFacts);
    let mends: [(&str, Mend); 8] = [
        ("vendor", |all| all.vendor = "acme-screening".parse().unwrap()),
        ("term", |_| {}),
        ("purpose", |all| all.purpose = Some("background-screening".into())),
        ("tenant", |all| all.tenant = Shown::Known(vec!["northwind".into()])),
        ("entity", |all| all.entity = Some("candidate".into())),
        ("state", |all| all.state = BTreeMap::from([("status".into(), Shown::Known(Scalar::Text("active".into())))])),
        ("fields", |all| all.asks = vec!["name".into()]),
        ("limits", |all| all.records = Some(100)),
    ];
    for (what, mend) in mends {
        shown.push(format!("{what}: {}", said(&rules, &facts(now, all.clone(), &rules))));
        now = if what == "vendor" { now } else { noon() };
        mend(&mut all);
    }
    shown.push(said(&rules, &facts(now, all.clone(), &rules)));
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn nothing_is_admitted_by_what_is_not_in_force() {
    let contract = load(CASE);
    let good = signed(&contract);
    let act = || Act { by: "os-user:ana".into(), at_us: 2, reason: None };
    let one = Signatures { signatures: good.signatures[..1].to_vec(), ..good.clone() };
    let other = Signatures { digest: Digest::new([7; 32]), ..good.clone() };
    let ways: [(&str, Vec<Signatures>); 6] = [
        ("unsigned", vec![]),
        ("unsigned", vec![one]),
        ("changed", vec![other]),
        ("suspended", vec![good.suspended(act()).unwrap()]),
        ("terminated", vec![good.terminated(act()).unwrap()]),
        ("active", vec![good.clone()]),
    ];
    for (standing, signatures) in ways {
        let rules = Governed::new(Generous, Arc::new(InForce::new(vec![contract.clone()], signatures).unwrap()));
        let facts = facts(noon(), known(), &rules);
        assert_eq!(facts.contract.as_ref().unwrap().standing.as_str(), standing);
        assert_eq!(decide::decide(&rules, &facts).verdict().runs(), standing == "active", "{standing}");
    }
    // Nobody knows the contract; and whatever standing somebody claims, the digest has the last word.
    let rules = Governed::new(Generous, Arc::new(InForce::new(vec![contract], [good]).unwrap()));
    let stranger = ContractFacts { contract: "other".parse().unwrap(), ..known() };
    assert!(!decide::decide(&rules, &facts(noon(), stranger, &rules)).verdict().runs());
    let mut claimed = facts(noon(), known(), &rules);
    let forged = ContractFacts {
        digest: Some(Digest::new([9; 32])),
        ..ContractFacts::clone(claimed.contract.as_ref().unwrap())
    };
    claimed.contract = Some(Arc::new(forged));
    assert!(!decide::decide(&rules, &claimed).verdict().runs());
}

#[test]
fn the_term_is_judged_to_the_microsecond_where_it_is_counted() {
    let rules = governed(CASE);
    // The days are London's: the term ends at midnight of British summer time, an hour before midnight of UTC.
    let runs = |now: UnixMicros| decide::decide(&rules, &facts(now, known(), &rules)).verdict().runs();
    let (begins, ends) = (at("2026-06-30T23:00:00Z"), at("2027-06-30T23:00:00Z"));
    assert_eq!([begins.0 - 1, begins.0, ends.0 - 1, ends.0].map(UnixMicros).map(runs), [false, true, true, false]);
}

#[test]
fn what_is_over_is_refused_by_the_clause_of_its_term_also_where_nobody_can_sign_it_any_more() {
    let contract = load(CASE);
    let good = signed(&contract);
    let act = Act { by: "os-user:ana".into(), at_us: 2, reason: None };
    let said = |signatures: Vec<Signatures>, now: UnixMicros| {
        let rules = Governed::new(Generous, Arc::new(InForce::new(vec![contract.clone()], signatures).unwrap()));
        let decision = decide::decide(&rules, &facts(now, known(), &rules));
        assert!(!decision.verdict().runs());
        let reason = &decision.reasons()[0];
        (reason.clause.as_ref().map(|clause| clause.number.to_string()), reason.sentence.clone())
    };
    let (over, ended) = (at("2027-07-01T00:00:00Z"), "“Background Screening Agreement” ended on 2027-06-30");
    let changed = Signatures { digest: Digest::new([7; 32]), ..good.clone() };
    for signatures in [vec![], vec![changed.clone()], vec![good.clone()]] {
        assert_eq!(said(signatures, over), (Some("2.1".to_owned()), ended.to_owned()));
    }
    // What somebody did about it is still the first thing to know, and before its end it can be signed.
    assert_eq!(said(vec![good.suspended(act).unwrap()], over).0, None);
    assert!(said(vec![changed], noon()).1.contains("is not what was signed any more"));
}

#[test]
fn what_only_the_data_shows_is_open_for_reads_and_defers_what_changes_something() {
    let rules = governed(CASE);
    let mut write = ContractFacts {
        entity: Some("screening_order".into()),
        operation: Some(Operation::Update),
        sends: vec!["status".into()],
        ..known()
    };
    let verdict =
        |known: &ContractFacts| decide::decide(&rules, &facts(noon(), known.clone(), &rules)).verdict().as_str();
    assert_eq!(verdict(&write), "defer");
    write.tenant = Shown::Known(vec!["northwind".into()]);
    // Clause 4.2: a person looks at it first.
    assert_eq!(verdict(&write), "hold");
    write.sends.push("priority".into());
    assert_eq!(verdict(&write), "deny");
}

#[test]
fn each_field_that_a_condition_names_is_known_before_anything_is_made_or_changed() {
    let text = small(false, &[], &["active"], &["create", "delete"], &["northwind"]);
    let text = text.replace("status: [active]", "status: [active], country: [DE]");
    let text = text.replace("entities: [candidate]", "entities: [candidate], sends: {candidate: [status]}");
    let rules = governed(&text);
    let conditions = |rules: &Governed<Generous>, entity, at| {
        let fields = rules.conditions(&"acme-screening".parse().unwrap(), entity, at);
        fields.iter().map(|field| field.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(conditions(&rules, "candidate", None), ["country", "status"]);
    assert_eq!(conditions(&rules, "order", None), [""; 0]);
    // A call may be decided on later, and is decided by what holds then.
    let amended = format!(
        "{text}amendments:\n  - document: {{name: A, sha256: {:064}, dated: 2026-09-01, clauses: [A1]}}\n    from: 2026-12-01\n    clauses:\n      \
         - {{clause: A1, says: which, supersedes: [\"3\"], limits: {{where: {{candidate: {{level: [1]}}}}}}}}\n",
        0
    );
    let amended = governed(&amended);
    assert_eq!(conditions(&amended, "candidate", None), ["country", "level", "status"]);
    assert_eq!(conditions(&amended, "candidate", Some(noon())), ["country", "status"]);
    assert_eq!(conditions(&amended, "candidate", Some(at("2026-12-02T00:00:00Z"))), ["level"]);
    assert_eq!(conditions(&amended, "candidate", Some(at("2030-01-01T00:00:00Z"))), [""; 0]);
    let said = |operation, state: &[(&str, &str)]| {
        let value = |value: &str| Shown::Known(Scalar::Text(value.into()));
        let state = state.iter().map(|(path, one)| (Arc::from(*path), value(one))).collect();
        let tenant = Shown::Known(vec!["northwind".into()]);
        said(
            &rules,
            &facts(
                noon(),
                ContractFacts { operation: Some(operation), state, tenant, purpose: None, ..known() },
                &rules,
            ),
        )
    };
    for operation in [Operation::Create, Operation::Delete] {
        let whole = said(operation, &[("status", "active"), ("country", "DE")]);
        assert!(whole.starts_with("redact\n"), "{whole}");
        assert!(said(operation, &[("status", "ended"), ("country", "DE")]).starts_with("deny"));
        assert!(said(operation, &[("status", "active")]).starts_with("defer"));
    }
    let unsaid = said(Operation::Create, &[("status", "active")]);
    assert!(unsaid.contains("nothing says its `country`, which must be `DE` before it is made"), "{unsaid}");
}

#[test]
fn what_no_clause_permits_is_refused_before_the_data_is_looked_at() {
    let rules = governed(CASE);
    let removes = ContractFacts { operation: Some(Operation::Delete), ..known() };
    let order = ContractFacts { entity: Some("screening_order".into()), ..removes.clone() };
    let more = ContractFacts { operation: Some(Operation::Update), sends: vec!["priority".into()], ..order.clone() };
    for known in [removes, order, more] {
        let decision = decide::decide(&rules, &facts(noon(), known.clone(), &rules));
        assert_eq!(decision.verdict().as_str(), "deny", "{known:?}");
    }
}

#[test]
fn asking_by_what_is_kept_back_is_refused() {
    let rules = governed(CASE);
    for field in ["compensation", "compensation.base", "COMPENSATION", "$.compensation[*].base", "medical_notes"] {
        let shown = said(&rules, &facts(noon(), ContractFacts { asks: vec![field.into()], ..known() }, &rules));
        assert!(shown.starts_with("deny\n  3."), "{field}: {shown}");
    }
    // An answer shows it at no depth, so nothing is asked by it or sent at any depth. A path keeps back what stands there.
    for field in ["offer.compensation", "candidate.compensation.base", "offers[].Compensation", "a.b.COMPENSATION.c"] {
        for (asks, sends) in [(vec![field.into()], vec![]), (vec![], vec![field.into()])] {
            let shown = said(&rules, &facts(noon(), ContractFacts { asks, sends, ..known() }, &rules));
            assert!(shown.starts_with("deny\n  3.2 "), "{field}: {shown}");
        }
    }
    let base = governed(&CASE.replace("[compensation]", "[compensation.base]"));
    let asks = |field: &str| ContractFacts { asks: vec![field.into()], ..known() };
    for (field, verdict) in [("compensation.Base", "deny"), ("compensation", "deny"), ("offer.compensation", "redact")]
    {
        assert!(said(&base, &facts(noon(), asks(field), &base)).starts_with(verdict), "{field}");
    }
    refused(
        &rules,
        ContractFacts { asks: vec!["not a field".into()], ..known() },
        "-    this names `not a field`, which is no field",
    );
}

#[test]
fn no_request_asks_for_more_records_than_may_be_at_once() {
    let rules = governed(&CASE.replace("do: [read, list]", "do: [read, list, act]"));
    let cases = [
        (Operation::List, Some(100), "redact"),
        (Operation::List, Some(101), "deny"),
        (Operation::List, None, "deny"),
        (Operation::Read, Some(101), "deny"),
        (Operation::Read, None, "redact"),
        (Operation::Act, Some(101), "deny"),
    ];
    for (operation, records, verdict) in cases {
        let state = BTreeMap::from([("status".into(), Shown::Known(Scalar::Text("active".into())))]);
        let tenant = Shown::Known(vec!["northwind".into()]);
        let asked = ContractFacts { operation: Some(operation), records, tenant, state, ..known() };
        let shown = said(&rules, &facts(noon(), asked, &rules));
        assert!(shown.starts_with(verdict), "{operation} {records:?}: {shown}");
    }
}

#[test]
fn a_limit_that_is_used_up_refuses_with_its_clause() {
    let rules = governed(CASE);
    let mut asked = facts(noon(), known(), &rules);
    let budgets = rules.budgets(&asked);
    let names: Vec<&str> = budgets.iter().map(|budget| budget.rule.as_str()).collect();
    assert_eq!(names, ["contract:acme-screening/5.1", "contract:acme-screening/5.2"]);
    assert_eq!(rules.look_back(), Some(std::time::Duration::from_secs(86_400)));
    asked.spent = vec![budgets[0].rule.clone()];
    insta::assert_snapshot!(said(&rules, &asked));
    refused(
        &rules,
        ContractFacts { spent: vec!["5.2".parse().unwrap()], ..known() },
        "5.2  clause 5.2 allows 5,000 records in a day, and they are used up",
    );
    asked.contract = None;
    assert!(rules.budgets(&asked).is_empty(), "it is nobody else's budget");
}

#[test]
fn what_nobody_can_count_is_refused_as_that_and_not_as_used_up() {
    let text = small(false, &[], &["active"], &["read", "list"], &["northwind"]);
    let one = text.replace("where: {candidate: {status: [active]}}", "requests: 600/hour, records: 5000/day");
    let rules = governed(&one);
    let list = ContractFacts { operation: Some(Operation::List), purpose: None, ..known() };
    // Whoever counts takes it for used up, for there is nothing that could be taken.
    let spent = |asked: ContractFacts| {
        let mut facts = facts(noon(), asked, &rules);
        facts.spent = vec![rules.budgets(&facts)[0].rule.clone()];
        said(&rules, &facts)
    };
    assert_eq!(
        spent(list.clone()),
        "deny\n  3    nobody knows how many records this brings back, and 5,000 may be in a day"
    );
    assert!(said(&rules, &facts(noon(), list.clone(), &rules)).starts_with("deny\n  3    nobody knows"));
    // Of two limits of one clause nobody can say which one it is.
    assert_eq!(
        spent(ContractFacts { records: Some(50), ..list }),
        "deny\n  3    clause 3 allows 600 requests in an hour and clause 3 allows 5,000 records in a day, and one of these is used up"
    );
}

#[test]
fn a_change_of_standing_is_another_bundle() {
    let contract = load(CASE);
    let good = signed(&contract);
    let none = InForce::new(vec![contract], []).unwrap();
    let with = none.with(good.clone());
    let suspended = with.with(good.suspended(Act { by: "ana".into(), at_us: 3, reason: None }).unwrap());
    let digests = [none, with, suspended].map(|one| Governed::new(Generous, Arc::new(one)).digest());
    assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    assert_eq!(
        Governed::new(Generous, Arc::default()).digest(),
        Generous.digest(),
        "without contracts it is the rules'"
    );
}

/// A contract of few words, so that all that can be asked of it is asked.
fn small(fields: bool, excludes: &[&str], states: &[&str], operations: &[&str], tenants: &[&str]) -> String {
    let shows = if fields { ", fields: {candidate: [id, name, pay]}" } else { "" };
    let excludes: String = excludes
        .iter()
        .enumerate()
        .map(|(place, field)| {
            format!("  - {{clause: \"4.{place}\", says: kept back, excludes: {{fields: {{candidate: [{field}]}}}}}}\n")
        })
        .collect();
    let count = excludes.lines().count();
    let numbers: String = (0..count).map(|place| format!(", \"4.{place}\"")).collect();
    let states = if states.is_empty() {
        String::new()
    } else {
        format!(
            "  - {{clause: \"3\", says: which, limits: {{where: {{candidate: {{status: [{}]}}}}}}}}\n",
            states.join(", ")
        )
    };
    let third = if states.is_empty() { "" } else { ", \"3\"" };
    format!(
        "contract: acme-screening\nvendor: acme-screening\n\
         document: {{name: D, sha256: \"{:064}\", dated: 2026-06-01, clauses: [\"1\"{third}{numbers}]}}\n\
         parties: {{ours: {{name: O}}, theirs: {{name: T}}, responsible: ana}}\n\
         apps: [ats]\ntenants: [{}]\nterm: {{from: 2026-07-01, until: 2027-06-30}}\nclauses:\n\
         \x20 - {{clause: \"1\", says: may, permits: {{do: [{}], entities: [candidate]{shows}}}}}\n{states}{excludes}",
        0,
        tenants.join(", "),
        operations.join(", "),
    )
}

/// Everything that can be asked of it, and which of it runs.
fn runs(rules: &dyn Rules) -> Vec<bool> {
    let mut all = Vec::new();
    for operation in [Operation::Read, Operation::List, Operation::Delete] {
        for tenant in [Shown::Open, Shown::Known(vec!["a".into()]), Shown::Known(vec!["b".into(), "a".into()])] {
            for status in [None, Some("active"), Some("ended")] {
                for asks in ["", "id", "pay", "pay.base", "other"] {
                    let state = status.map(|status| (Arc::from("status"), Shown::Known(Scalar::Text(status.into()))));
                    let asks = if asks.is_empty() { Vec::new() } else { vec![Arc::from(asks)] };
                    let known = ContractFacts {
                        tenant: tenant.clone(),
                        operation: Some(operation),
                        state: state.into_iter().collect(),
                        asks,
                        purpose: None,
                        ..known()
                    };
                    all.push(decide::decide(rules, &facts(noon(), known, rules)).verdict().runs());
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_narrower_contract_permits_no_more(
        fields: bool, more_fields: bool, excludes in 0..3usize, fewer in 0..3usize, states in 0..3usize, fewer_states in 0..3usize,
        operations in 1..4usize, fewer_operations in 1..4usize, tenants in 1..3usize, fewer_tenants in 1..3usize,
    ) {
        let excluded = [&[][..], &["pay.base"], &["pay.base", "other"]];
        let stated = [&[][..], &["active", "ended"], &["active"]];
        let done = ["read", "list", "delete"];
        let wide = small(fields && more_fields, excluded[excludes.min(fewer)], stated[states.min(fewer_states)],
            &done[..operations.max(fewer_operations)], &["a", "b"][..tenants.max(fewer_tenants)]);
        let narrow = small(fields || more_fields, excluded[excludes.max(fewer)], stated[states.max(fewer_states)],
            &done[..operations.min(fewer_operations)], &["a", "b"][..tenants.min(fewer_tenants)]);
        let (wide, narrow) = (governed(&wide), governed(&narrow));
        for (place, (wide, narrow)) in runs(&wide).into_iter().zip(runs(&narrow)).enumerate() {
            prop_assert!(wide || !narrow, "place {place}");
        }
    }
}
