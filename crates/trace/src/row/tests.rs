use bytes::Bytes;
use model::limits::ARGUMENTS_KEPT_BYTES_MAX;
use model::{Observed, Reason, RuleId, TaskId, UnixMicros, Verdict};
use proptest::prelude::*;

use super::*;
use crate::entry::Entry;
use crate::record::{Effect, OutcomeStatus};
use crate::samples::{change, entry, intent, outcome};
use crate::verify::verify_leaf;

fn canonical(leaf: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(leaf).unwrap();
    serde_json_canonicalizer::to_string(&value).unwrap()
}

#[test]
fn no_leaf_holds_plain_text() {
    let rows = [
        Row::of_intent(&intent(1)).unwrap(),
        Row::of_outcome(&outcome(1)).unwrap(),
        Row::of_change(&change(2)).unwrap(),
    ];
    let answer = outcome(1).answer_digest.unwrap().to_string();
    let arguments = intent(1).arguments_digest.to_string();
    for row in rows {
        let leaf = row.leaf_text().unwrap();
        assert!(!leaf.contains("canary"), "{leaf}");
        assert!(!leaf.contains(&answer) && !leaf.contains(&arguments), "{leaf}");
    }
}

#[test]
fn a_change_is_found_without_naming_anybody() {
    let concern = |subject: &str, human: Option<&str>| {
        let human = human.map(|human| HumanId::parse(human).unwrap());
        Row::of_change(&Change { subject: subject.to_owned(), human, ..change(1) }).unwrap().concern.unwrap()
    };
    assert_eq!(concern("human:ada", Some("ada")), Concern::Person);
    assert_eq!(concern("hold:h_1", Some("ada")), Concern::Thing("hold:h_1".to_owned()));
    assert_eq!(concern("agent:bot", None), Concern::Thing("agent:bot".to_owned()));
    for (subject, human) in [("human:ada", None), ("human:ada", Some("bob")), ("the account of ada", Some("ada"))] {
        assert_eq!(concern(subject, human), Concern::Sealed, "{subject} {human:?}");
    }
    assert_eq!(Row::of_intent(&intent(1)).unwrap().concern, None);
}

#[test]
fn state_values_stand_in_no_record() {
    let mut secret = change(1);
    for write in &mut secret.state {
        write.value = Some("canary-secret-value".to_owned());
    }
    let row = Row::of_change(&secret).unwrap();
    assert!(
        !row.body_text().unwrap().contains("canary-secret-value")
            && !row.leaf_text().unwrap().contains("canary-secret-value")
    );
}

#[test]
fn equal_records_have_different_commitments() {
    let (one, two) = (Row::of_intent(&intent(1)).unwrap(), Row::of_intent(&intent(1)).unwrap());
    assert_ne!(one.leaf_text(), two.leaf_text());
    assert_ne!(one.leaf_hash, two.leaf_hash);
}

#[test]
fn arguments_are_kept_up_to_the_limit() {
    for (length, kept) in [(ARGUMENTS_KEPT_BYTES_MAX, true), (ARGUMENTS_KEPT_BYTES_MAX + 1, false)] {
        let text = format!("\"{}\"", "x".repeat(length - 2));
        let mut long = intent(1);
        long.arguments_digest = sha256(text.as_bytes());
        long.arguments = Some(Bytes::from(text));
        let found = entry(&Row::of_intent(&long).unwrap(), 1);
        let view = found.intent().unwrap();
        assert_eq!((view.arguments.is_some(), view.truncated), (kept, !kept));
        assert_eq!(view.arguments_digest, Some(long.arguments_digest));
        assert_eq!(verify_leaf(&found), Ok(()));
    }
}

#[test]
fn no_arguments_and_null_are_different() {
    for (arguments, kept) in [(None, None), (Some("null"), Some("null"))] {
        let mut odd = intent(1);
        odd.arguments = arguments.map(|text| Bytes::from_static(text.as_bytes()));
        odd.arguments_digest = sha256(arguments.unwrap_or_default().as_bytes());
        let found = entry(&Row::of_intent(&odd).unwrap(), 1);
        assert_eq!(verify_leaf(&found), Ok(()));
        let view = found.intent().unwrap();
        assert_eq!(view.arguments.as_ref().map(|raw| raw.get()), kept);
        assert!(!view.truncated);
    }
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let check = |edit: fn(&mut Intent<'_>), expected: &str| {
        let mut wrong = intent(1);
        edit(&mut wrong);
        let error = Row::of_intent(&wrong).unwrap_err();
        assert_eq!(error.to_string(), format!("a record is malformed: {expected}"));
        assert_eq!(error.code(), "trace.malformed");
    };
    check(|intent| intent.arguments = None, "the digest is not that of the arguments");
    check(|intent| intent.arguments = Some(Bytes::from_static(b"{}")), "the digest is not that of the arguments");
    check(
        |intent| {
            intent.arguments = Some(Bytes::from_static(b"{} "));
            intent.arguments_digest = sha256(b"{} ");
        },
        "there is white space around the arguments",
    );
    check(
        |intent| {
            intent.arguments = Some(Bytes::from_static(b"nonsense"));
            intent.arguments_digest = sha256(b"nonsense");
        },
        "the arguments are not JSON",
    );
}

// INVARIANT: every leaf fits into a tile of entries (C2SP tlog-tiles: 16 bits of length), or the call does not run.
#[test]
fn a_leaf_that_fits_into_no_tile_is_refused() {
    let decided_by = |rules: usize| {
        let mut one = intent(1);
        let reason = one.reasons[0].clone();
        let rule = |number: usize| RuleId::parse(&format!("{number:0>120}")).unwrap();
        *one.reasons.to_mut() = (0..rules).map(|number| Reason { rule: rule(number), ..reason.clone() }).collect();
        Row::of_intent(&one)
    };
    let row = decided_by(520).unwrap();
    assert!(row.leaf_text().unwrap().len() <= tlog::limits::ENTRY_BYTES_MAX);
    let refused = decided_by(550).unwrap_err();
    assert!(matches!(refused, TraceError::TooLong { .. }), "{refused:?}");
    assert_eq!((refused.blame(), refused.code()), (model::Blame::Rule, "trace.too_long"));
}

#[test]
fn numbers_past_what_json_keeps_are_held_at_the_edge() {
    let mut wide = outcome(1);
    (wide.at, wide.answer_bytes, wide.took_us) = (UnixMicros(i64::MAX), u64::MAX, i64::MIN);
    let row = Row::of_outcome(&wide).unwrap();
    let leaf = row.leaf_text().unwrap();
    assert_eq!(canonical(&leaf), leaf);
    assert_eq!(row.at, UnixMicros((1 << 53) - 1));
    let found = entry(&row, 1);
    assert_eq!(verify_leaf(&found), Ok(()));
    assert_eq!(found.outcome().unwrap().took_us, -((1 << 53) - 1));
}

#[test]
fn what_was_observed_is_read_back() {
    let mut asked = intent(1);
    assert!(entry(&Row::of_intent(&asked).unwrap(), 1).intent().unwrap().observed.is_none());
    asked.observed = Some(Observed { verdict: Verdict::Hold, reasons: asked.reasons.to_vec() });
    let row = Row::of_intent(&asked).unwrap();
    assert!(!row.leaf_text().unwrap().contains("canary"));
    let mut found = entry(&row, 1);
    assert_eq!(found.intent().unwrap().observed, asked.observed);
    found.body = None;
    let erased = found.intent().unwrap().observed.unwrap();
    assert_eq!((erased.verdict, erased.reasons.len()), (Verdict::Hold, 0));
}

fn any_intent() -> impl Strategy<Value = Intent<'static>> {
    let texts = ("[!-~]{1,40}", "[!-~]{1,40}", ".{0,40}", "[a-z0-9-]{1,32}", "[A-Za-z0-9_./-]{1,60}");
    let reasons = prop::collection::vec(("[!-~]{1,30}", ".{0,60}"), 0..4);
    let json = prop::option::of(".{0,80}");
    (texts, reasons, json, any::<i64>(), 0..5usize, 0..4usize, any::<bool>()).prop_map(
        |((task, agent, token, app, tool), reasons, text, at, verdict, class, bare)| {
            let mut out = intent(3);
            out.task = TaskId::parse(&task).unwrap();
            out.agent = AgentId::parse(&agent.replace(|c: char| !c.is_ascii_alphanumeric(), "x")).unwrap();
            out.token_id = token.into();
            out.app = AppId::parse(&app).unwrap();
            out.tool = ToolName::parse(&tool).unwrap();
            out.at = UnixMicros(at);
            out.verdict = Verdict::ALL[verdict];
            out.class = Class::ALL[class];
            out.cause = (!bare).then(|| out.call.clone());
            out.definition = if bare { None } else { out.definition };
            (out.directory_age_us, out.catalog_age_us) = if bare { (None, None) } else { (Some(at), Some(at)) };
            out.decide_us = at;
            let parent = format!("00-{:032x}-{:016x}-01", u128::from(at.unsigned_abs()) + 1, at.unsigned_abs() | 1);
            out.trace_parent = (!bare).then(|| parent.parse().unwrap());
            out.delegation_chain.truncate(usize::from(!bare));
            let reason = |(rule, sentence): (String, String)| Reason {
                rule: RuleId::parse(&rule).unwrap(),
                sentence,
                source: None,
                text: None,
                instead: None,
                redact: None,
                approvers: Vec::new(),
                approvals: 1,
                security_relevant: false,
                clause: (!bare).then(|| "acme-screening/3.2".parse().unwrap()),
            };
            out.reasons = reasons.into_iter().map(reason).collect();
            out.observed = bare.then(|| Observed { verdict: Verdict::ALL[verdict], reasons: out.reasons.to_vec() });
            out.arguments = text.map(|text| Bytes::from(serde_json::to_vec(&text).unwrap()));
            out.arguments_digest = sha256(out.arguments.as_deref().unwrap_or_default());
            out
        },
    )
}

proptest! {
    #[test]
    fn leaves_are_canonical(intent in any_intent(), code in prop::option::of(".{0,40}"), what in ".{0,40}", took in any::<i64>()) {
        let row = Row::of_intent(&intent).unwrap();
        let leaf = row.leaf_text().unwrap();
        prop_assert_eq!(canonical(&leaf), leaf);
        prop_assert_eq!(verify_leaf(&entry(&row, 1)), Ok(()));

        let mut ended = outcome(3);
        (ended.code, ended.took_us) = (code, took);
        (ended.effect, ended.status) = (Effect::Unknown, OutcomeStatus::Failed);
        (ended.rpc_code, ended.agrees) = (Some(took), [None, Some(true), Some(false)][usize::try_from(took.rem_euclid(3)).unwrap()]);
        if took % 2 == 0 {
            (ended.came, ended.hidden, ended.http_status, ended.credential) = (None, None, None, None);
            (ended.wire, ended.durable_us) = (None, None);
        }
        ended.answer_digest = ended.answer_digest.filter(|_| took % 2 == 0);
        let row = Row::of_outcome(&ended).unwrap();
        let leaf = row.leaf_text().unwrap();
        prop_assert_eq!(canonical(&leaf), leaf);
        prop_assert_eq!(verify_leaf(&entry(&row, 2)), Ok(()));

        let mut changed = change(4);
        (changed.subject, changed.what) = (what.clone(), what);
        let row = Row::of_change(&changed).unwrap();
        let leaf = row.leaf_text().unwrap();
        prop_assert_eq!(canonical(&leaf), leaf);
        prop_assert_eq!(verify_leaf(&entry(&row, 3)), Ok(()));
    }
}

fn kept(level: ArgumentLevel, redacted: Option<&str>) -> Intent<'static> {
    let read = model::ArgumentReads { roles: ["repo".into()].into(), values: ["to".into()].into() };
    let facts = serde_json::json!({"access": true, "arguments": {"bytes": 53, "values": {"to": [{"text": "canary"}]}}});
    Intent {
        kept: level,
        redacted: redacted.map(str::to_owned),
        read: Some(read.into()),
        facts: serde_json::value::to_raw_value(&facts).unwrap().into(),
        ..intent(1)
    }
}

#[test]
fn no_more_is_kept_of_arguments_than_the_level_says() {
    use ArgumentLevel::{Digest, Full, None as Nothing, Redacted};
    let shape = r#"{"to":"(text, 27)"}"#;
    let long = format!("\"{}\"", "x".repeat(ARGUMENTS_KEPT_BYTES_MAX));
    for (level, redacted, found) in [
        (Full, None, Full),
        (Redacted, Some(shape), Redacted),
        (Redacted, Some(long.as_str()), Digest),
        (Redacted, None, Digest),
        (Digest, Some(shape), Digest),
        (Nothing, Some(shape), Nothing),
    ] {
        let intent = kept(level, redacted);
        let row = Row::of_intent(&intent).unwrap();
        let entry = entry(&row, 1);
        assert_eq!(verify_leaf(&entry), Ok(()), "{level:?}");
        let (view, body) = (entry.intent().unwrap(), row.body_text().unwrap());
        assert_eq!((view.kept, view.arguments.is_some()), (found, found == Full));
        assert_eq!(view.redacted.as_ref().map(|shown| shown.get()), (found == Redacted).then_some(shape));
        assert_eq!(body.contains("canary-customer"), found == Full);
        assert_eq!(view.arguments_digest, Some(intent.arguments_digest), "a leaf commits to it at every level");
        assert_eq!(view.read.as_ref(), (found != Full).then_some(intent.read.as_deref().unwrap()));
        let shown = entry.to_json().to_string();
        assert_eq!(shown.contains("canary\""), found == Full, "what rules read is not for showing: {shown}");
        assert_eq!(shown.contains("arguments_digest"), found != Nothing);
    }
}

#[test]
fn a_level_cannot_be_claimed_and_what_is_shown_cannot_be_changed() {
    let row = Row::of_intent(&kept(ArgumentLevel::Redacted, Some(r#"{"to":"(text, 27)"}"#))).unwrap();
    let whole = entry(&row, 1);
    for (from, to) in [
        ("(text, 27)", "(text, 28)"),
        (r#""kept":"redacted""#, r#""kept":"digest""#),
        (r#""kept":"redacted","#, ""),
        (r#""roles":["repo"]"#, r#""roles":[]"#),
        (r#","arguments":{"to":"(text, 27)"}"#, ""),
    ] {
        let body = whole.body.as_ref().unwrap();
        assert!(body.contains(from), "{body}");
        let changed = Entry { body: Some(body.replacen(from, to, 1)), ..whole.clone() };
        assert!(verify_leaf(&changed).is_err(), "{from}");
    }
}
