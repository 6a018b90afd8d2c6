//! The gateway and the apps behind it: over HTTP and as children, in all revisions, one of which crashes.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, Upstream, UpstreamOptions, World};

/// What runs all the while.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// Of agents of their own: an app that cannot say which of two calls it asks about asks neither's client.
    tokens: Vec<String>,
    _plain: Upstream,
    _exact: Vec<ExactUpstream>,
}

impl Stage {
    pub(crate) fn set(gateway: &Path) -> Result<Self> {
        let beside = std::env::current_exe().context("this program has no path")?;
        let upstream = beside.with_file_name("testkit-upstream").display().to_string();
        let child = |words: &[&str]| -> Vec<String> {
            [upstream.as_str(), "--stdio"].iter().chain(words).map(|word| (*word).to_owned()).collect()
        };
        let plain = Upstream::start(UpstreamOptions::default())?;
        let mut exact = Vec::new();
        let mut world = World::builder(std::path::absolute(gateway).context("no absolute path")?)
            .app_url("web", plain.url(), None)
            .app_command("kid", &child(&[]))
            .app_command("crashes", &child(&["--crash-after", "3"]))
            .set(&["apps", "kid", "stateless"], json!(true))
            .rules("soak.cedar", RULES);
        for (name, revision, over_http) in EXACT {
            if over_http {
                let upstream = ExactUpstream::start(ExactOptions { revision, record: None })?;
                world = world.app_url(name, upstream.url(), None);
                exact.push(upstream);
            } else {
                world = world.app_command(name, &child(&["--revision", revision.as_str()]));
            }
        }
        for agent in AGENTS {
            world = world.agent(agent, "ana");
        }
        let world = world.start()?;
        for app in ["web", "kid"] {
            world.run_well(&["tools", "pin", app, "--class", "read", "--yes"])?;
        }
        let token = |agent: &&str| {
            let said = world.run_well(&["token", "--agent", agent, "--human", "ana", "--ttl", "12h"])?;
            Ok(said.trim().to_owned())
        };
        let tokens = AGENTS.iter().map(token).collect::<Result<_>>()?;
        Ok(Self { world, tokens, _plain: plain, _exact: exact })
    }

    /// The token of this agent.
    pub(crate) fn token(&self, agent: usize) -> &str {
        self.tokens.get(agent).map_or("", String::as_str)
    }

    /// A client that can be asked whatever its revision knows, after its handshake; of one app (`/APP`) or all.
    pub(crate) fn participant(&self, agent: usize, app: &str, revision: Revision) -> Result<Participant> {
        let mut capabilities = json!({"sampling": {}});
        if let (true, Some(capabilities)) = (revision >= Revision::June2025, capabilities.as_object_mut()) {
            capabilities.insert("elicitation".to_owned(), json!({}));
        }
        let client =
            Participant::http(&format!("{}{app}", self.world.mcp_url()), revision)?.with_token(self.token(agent));
        let client = client
            .declaring(capabilities)
            .answering("sampling/createMessage", |_| {
                json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "word"}, "stopReason": "endTurn"})
            })
            .answering("elicitation/create", |_| json!({"action": "accept", "content": {"name": "Ada"}}));
        client.start()?;
        Ok(client)
    }

    /// How much the gateway has written.
    pub(crate) fn trace_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.world.folder().join("data")).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// The last lines of the gateway's log.
    pub(crate) fn end_of_log(&self) -> String {
        let log = self.world.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).fold(String::new(), |text, line| text + line + "\n")
    }
}

/// Apps that speak exactly one revision, and whether over HTTP or as a child.
pub(crate) const EXACT: [(&str, Revision, bool); 4] = [
    ("march", Revision::March2025, true),
    ("june", Revision::June2025, false),
    ("november", Revision::November2025, true),
    ("july", Revision::July2026, true),
];
const RULES: &str = r#"@id("allow-all") @says("everything runs, so that there is much to do")
permit (principal, action, resource);
@id("no-count") @says("counting is refused, so that something is")
forbid (principal, action == Action::"call", resource == Tool::"web/count");
"#;
/// One for each client that may be asked something, and the first for all others.
const AGENTS: [&str; 10] = ["plain", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const LOG_LINES: usize = 30;
