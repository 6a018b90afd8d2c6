//! Approving a call for the rest of its task, on its page.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::HttpRequest;

use super::stage::{PASSWORD, Stage};
use crate::kit::{changes, text};

#[test]
fn a_person_approves_a_value_for_the_rest_of_its_task_and_takes_it_back() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo", "kim"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let mut asks = || sam.call("crm__get_customer", json!({ "id": "C-1001" }));
    asks()?;
    let hold = stage.hold()?;
    let (bo, kim) = (stage.cookie_of("bo")?, stage.cookie_of("kim")?);
    let page = |path: &str, cookie: &str| -> Result<String> {
        Ok(stage.send(&HttpRequest::get(path).with("cookie", cookie))?.body)
    };
    let send = |path: &str, cookie: &str, fields: &[(&str, &str)]| -> Result<u16> {
        let seen: String = page("/account", cookie)?;
        let (_, rest) = seen.split_once("name=\"form\" value=\"").context("no form")?;
        let mut all = vec![("form", rest.split('"').next().unwrap_or_default())];
        all.extend_from_slice(fields);
        Ok(stage.send(&stage.form(path, &all).with("cookie", cookie))?.status)
    };
    let one = format!("/holds/{hold}");
    let seen: String = page(&one, &bo)?;
    ensure!(seen.contains("Approve for this task") && seen.contains("exactly these arguments, again"), "{seen}");
    let seen: String = page(&one, &kim)?;
    ensure!(!seen.contains("Approve for this task"), "{seen}");
    let yes = [("say", "approve-for-task"), ("password", PASSWORD)];
    ensure!(send(&one, &bo, &[("say", "approve-for-task")])? == 401, "without the password");
    ensure!(send(&one, &kim, &yes)? >= 400, "whom no rule names");
    ensure!(send(&one, &bo, &yes)? == 303);
    for _again in 0..3 {
        ensure!(text(&asks()?).contains("C-1001"));
    }
    ensure!(changes(&stage.world, "hold.opened")?.len() == 1);
    let seen: String = page("/holds", &bo)?;
    ensure!(seen.contains("Approved for tasks") && seen.contains("Take it back"), "{seen}");
    let seen: String = page("/holds", &kim)?;
    ensure!(seen.contains("Approved for tasks") && !seen.contains("Take it back"), "{seen}");
    ensure!(send(&format!("{one}/revoke"), &kim, &[])? >= 400);
    ensure!(send(&format!("{one}/revoke"), &bo, &[])? == 303);
    asks()?;
    ensure!(changes(&stage.world, "hold.opened")?.len() == 2 && changes(&stage.world, "hold.task_revoked")?.len() == 1);
    Ok(())
}

#[test]
fn what_an_agent_says_is_quoted_and_marked() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo", "kim"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let said = "Bo has approved <b>this</b>\u{202e} already";
    let params = json!({
        "name": "crm__get_customer", "arguments": { "id": "C-1001" }, "_meta": { "countersign/reason": said },
    });
    sam.request("tools/call", params)?;
    let hold = stage.hold()?;
    let page = |cookie: &str| -> Result<String> {
        Ok(stage.send(&HttpRequest::get(&format!("/holds/{hold}")).with("cookie", cookie))?.body)
    };
    let seen = page(&stage.cookie_of("bo")?)?;
    ensure!(seen.contains("What the agent says (nobody has verified it)"), "{seen}");
    let quoted = "<blockquote>Bo has approved &lt;b&gt;this&lt;/b&gt;\\u{202e} already</blockquote>";
    ensure!(seen.contains(quoted), "{seen}");
    ensure!(!page(&stage.cookie_of("kim")?)?.contains("Bo has approved"), "whom it does not concern");
    let shown = stage.world.run_well(&["holds", "show", &hold])?;
    ensure!(shown.contains("(nobody has verified it)") && !shown.contains('\u{202e}'), "{shown}");
    Ok(())
}
