//! Log messages of apps: each client is told from its own level on.

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, World};

use crate::kit::{at, world};

#[test]
fn two_sessions_of_one_pair_have_levels_of_their_own() -> Result<()> {
    let server = ExactUpstream::start(ExactOptions { revision: Revision::June2025, record: None })?;
    let world = world().app_url("exact", server.url(), None);
    let world = world.rules("all.cedar", "@id(\"all\") permit (principal, action, resource);\n").start()?;
    let (careful, curious) = (client(&world)?, client(&world)?);
    let wants = |client: &Participant, level: &str| client.request("logging/setLevel", json!({ "level": level }));
    wants(&curious, "debug")?;
    wants(&careful, "error")?;
    // The one that wants less makes the link, and says last from which level on.
    ensure!(logged(&careful)? == 4 && logged(&curious)? == 8);
    wants(&careful, "emergency")?;
    ensure!(logged(&curious)? == 8 && logged(&careful)? == 1);
    Ok(())
}

/// How many messages it is told during a call.
fn logged(client: &Participant) -> Result<usize> {
    client.forget();
    client.call("exact__log", json!({}))?;
    let heard = client.heard();
    ensure!(heard.iter().all(|one| at(one, "/method") == "notifications/message"), "{heard:?}");
    Ok(heard.len())
}

fn client(world: &World) -> Result<Participant> {
    let token = world.token("ana-desktop", "ana", None)?;
    let client = Participant::http(world.mcp_url(), Revision::June2025)?.with_token(&token);
    client.start()?;
    Ok(client)
}
