//! What stands in the trace of a call that asks its client.

use anyhow::Result;
use model::Method;
use serde_json::json;
use testkit::Revision;

use super::cell::{Cell, Transport, everything};
use super::stage::Stage;
use crate::kit::intents;

/// A call that asks twice is five decisions, whoever asks whom: the call, a question, the call going on with the answer,
/// and both once more. Each says which decision it follows from.
#[test]
fn each_question_and_each_round_is_decided_on_its_own() -> Result<()> {
    for server in [Revision::June2025, Revision::July2026] {
        let stage = Stage::with_gateway(server, Transport::Http)?;
        for revision in [Revision::June2025, Revision::July2026] {
            let before = intents(stage.world()?)?.len();
            let client = Cell::new(&stage, revision, Transport::Http).fresh(everything(revision))?;
            assert_eq!(client.call_text("ask_twice", json!({}))?, "accept Ada, accept Ada");

            let intents = intents(stage.world()?)?.split_off(before);
            let views: Vec<_> = intents.iter().filter_map(trace::Entry::intent).collect();
            let place = |cause: &model::CallId| views.iter().position(|view| view.call == *cause);
            let found: Vec<_> = views.iter().map(|view| (view.method, view.cause.as_ref().and_then(place))).collect();
            let wanted = [
                (Method::ToolsCall, None),
                (Method::Elicit, Some(0)),
                (Method::ToolsCall, Some(0)),
                (Method::Elicit, Some(2)),
                (Method::ToolsCall, Some(2)),
            ];
            assert_eq!(found, wanted, "{revision} before {server}");
            assert!(intents.iter().all(|entry| entry.outcome_leaf.is_some()), "{revision} before {server}");
        }
    }
    Ok(())
}
