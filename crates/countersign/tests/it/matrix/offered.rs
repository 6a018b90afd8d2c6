//! What an app offers to the clients that it is offered to.

use std::collections::BTreeSet;

use anyhow::Result;
use testkit::Revision;

use super::cell::{Cell, Transport, everything};
use super::stage::Stage;
use crate::kit::at;

/// A server may offer some tools only to clients that can do something: whoever can sees them from the first list on.
#[test]
fn what_is_offered_to_capable_clients_only_is_in_the_first_list() -> Result<()> {
    for revision in Revision::ALL {
        for back in Transport::ALL {
            let first = |stage: &Stage, front| -> Result<BTreeSet<String>> {
                let client = Cell::new(stage, revision, front).fresh(everything(revision))?;
                let tools = client.list("tools/list", "tools")?;
                Ok(tools.iter().map(|tool| at(tool, "/name").to_owned()).collect())
            };
            let direct = first(&Stage::direct(revision, back)?, back)?;
            assert!(direct.contains("with_model"), "{direct:?}");
            let stage = Stage::with_gateway(revision, back)?;
            assert_eq!(first(&stage, Transport::Http)?, direct, "{revision} over {}", back.as_str());
            let client = Cell::new(&stage, revision, Transport::Http).fresh(everything(revision))?;
            assert_eq!(client.call_text("with_model", serde_json::json!({}))?, "was added");
        }
    }
    Ok(())
}
