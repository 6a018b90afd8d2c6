//! What the page of a call says that waited for a fact.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::HttpRequest;

use super::stage::Stage;
use crate::holds::reloaded;
use crate::kit::{changes, until};

#[test]
fn the_page_of_a_call_that_waited_for_a_fact_speaks_of_no_people() -> Result<()> {
    let rule = "@id(\"not-sales\") @says(\"not for sales\")\nforbid (principal, action, resource) when { context.human.department == \"sales\" };\n";
    let ana = json!({ "name": "Ana Diaz", "seniority": "executive", "role": "cfo" });
    let stage = Stage::start_with(|world| {
        world
            .rules("sales.cedar", rule)
            .set(&["people", "ana"], ana)
            .set(&["apps", "repo", "access"], json!({ "people": ["ana"] }))
            .set(&["holds"], json!({ "wait": "1s", "expire_after": "10s" }))
    })?;
    let world = &stage.world;
    let mut client = world.client("ana-assistant", "ana")?;
    let mut asks = |path: &str| client.call("repo__read_document", json!({ "path": path }));
    for path in ["docs/pricing.md", "docs/no-such-file.md"] {
        let told = asks(path)?;
        ensure!(told.get("resultType") == Some(&json!("input_required")), "{told}");
    }
    let holds: Value = serde_json::from_str(&world.run_well(&["holds", "list", "--json"])?)?;
    let call = |at: &str| -> Result<String> {
        Ok(holds.pointer(at).and_then(Value::as_str).context("nothing waits")?.replacen("h_", "c_", 1))
    };
    let (decided, expired) = (call("/holds/0/hold")?, call("/holds/1/hold")?);
    reloaded(world, |config| config["people"]["ana"]["department"] = json!("finance"))?;
    let told = asks("docs/pricing.md")?;
    ensure!(told.get("isError") != Some(&json!(true)), "{told}");
    until("the other is over", || Ok(changes(world, "hold.expired")?.len() == 1))?;
    let taken_back = changes(world, "hold.cancelled")?;
    ensure!(taken_back.len() == 1, "{taken_back:?}");
    let by = taken_back[0].by.as_deref().and_then(|by| by.strip_prefix("call:")).context("by no call")?;

    stage.with_accounts(&["ana"])?;
    let cookie = stage.cookie_of("ana")?;
    let page = |call: &str| stage.send(&HttpRequest::get(&format!("/calls/{call}")).with("cookie", &cookie));
    for (call, says) in
        [(&decided, format!("<a href=\"/calls/{by}\">")), (&expired, "It was not decided in time".into())]
    {
        let seen = page(call)?.body;
        ensure!(seen.contains("For a fact that is missing") && seen.contains(&says), "{seen}");
        ensure!(!seen.contains("For people to approve") && !seen.contains("Nobody said anything"), "{seen}");
    }
    Ok(())
}
