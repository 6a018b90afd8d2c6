use model::{Observed, Verdict};

use super::*;
use crate::record::{Change, Effect, Intent, Outcome, OutcomeStatus};
use crate::row::Row;
use crate::samples::{change, intent, outcome};

#[test]
fn leaves_say_what_is_asked() {
    let said = |row: &Row| -> Vec<String> {
        let facets = facets_of(&row.leaf_text().unwrap());
        facets.iter().map(|(field, value)| format!("{}:{value}", field.as_str())).collect()
    };
    let plain = Row::of_intent(&intent(1)).unwrap();
    let bundle = format!("bundle:sha256:{}", "09".repeat(32));
    assert_eq!(said(&plain), [bundle.as_str(), "method:tools/call", "observed:no", "rule:crm.reads"]);
    let failed = Outcome { code: Some("upstream.gone".to_owned()), status: OutcomeStatus::Failed, ..outcome(1) };
    let failed = Row::of_outcome(&failed).unwrap();
    assert_eq!(said(&failed), ["code:upstream.gone", "effect:executed", "status:failed"]);
    assert_eq!(said(&Row::of_change(&change(1)).unwrap()), ["what:people.offboard"]);
    assert_eq!(facets_of("{}"), []);
    assert_eq!(facets_of("no leaf"), []);
}

/// What a store relies on when it looks at one leaf of a template.
#[test]
fn leaves_of_one_template_say_the_same() {
    let changed: [fn(&mut Intent); 4] = [
        |call| call.reasons.to_mut().clear(),
        |call| call.observed = Some(Observed { verdict: Verdict::Deny, reasons: Vec::new() }),
        |call| call.bundle = model::Digest::new([1; 32]),
        |call| call.method = model::Method::PromptsGet,
    ];
    let template = |call: &Intent| Row::of_intent(call).unwrap().leaf.template().to_owned();
    for change in changed {
        let mut call = intent(1);
        change(&mut call);
        assert_ne!(template(&call), template(&intent(1)));
    }
    assert_eq!(template(&intent(1)), template(&intent(2)));
    let changed: [fn(&mut Outcome); 3] = [
        |outcome| outcome.effect = Effect::Unknown,
        |outcome| outcome.status = OutcomeStatus::Unknown,
        |outcome| outcome.code = Some("a.b".to_owned()),
    ];
    let template = |of: &Outcome| Row::of_outcome(of).unwrap().leaf.template().to_owned();
    for change in changed {
        let mut other = outcome(1);
        change(&mut other);
        assert_ne!(template(&other), template(&outcome(1)));
    }
    let template = |of: &Change| Row::of_change(of).unwrap().leaf.template().to_owned();
    assert_ne!(template(&Change { what: "people.restore".to_owned(), ..change(1) }), template(&change(1)));
}
