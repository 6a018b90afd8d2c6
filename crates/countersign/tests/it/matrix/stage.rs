//! What a client stands before: a server of one revision, with a gateway between or without.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{ExactOptions, ExactUpstream, Participant, Revision, World, program};

use super::cell::Transport;
use crate::kit::world;

/// A server, and perhaps a gateway before it.
pub(super) struct Stage {
    pub(super) upstream: Revision,
    pub(super) back: Transport,
    gateway: Option<Gateway>,
    server: Option<ExactUpstream>,
    folder: TempDir,
}

struct Gateway {
    world: World,
    token: String,
    strangers_token: String,
}

// === impl Stage ===

impl Stage {
    /// A server alone.
    pub(super) fn direct(upstream: Revision, back: Transport) -> Result<Self> {
        let mut stage = Self { upstream, back, gateway: None, server: None, folder: tempfile::tempdir()? };
        if back == Transport::Http {
            let options = ExactOptions { revision: upstream, record: Some(stage.record()) };
            stage.server = Some(ExactUpstream::start(options)?);
        }
        Ok(stage)
    }

    /// A server behind a gateway that permits everything.
    pub(super) fn with_gateway(upstream: Revision, back: Transport) -> Result<Self> {
        let mut stage = Self::direct(upstream, back)?;
        let world = world().rules("rules/all.cedar", "@id(\"all\") permit (principal, action, resource);\n");
        let world = match &stage.server {
            Some(server) => world.app_url(APP, server.url(), None),
            None => world.app_command(APP, &stage.command()?),
        };
        let people = serde_json::json!({"people": ["ana", "ben"]});
        let world = world.set(&["apps", APP, "access"], people).start()?;
        let token = world.token("ana-desktop", "ana", None)?;
        let strangers_token = world.token("ben-desktop", "ben", None)?;
        stage.gateway = Some(Gateway { world, token, strangers_token });
        Ok(stage)
    }

    pub(super) fn is_gateway(&self) -> bool {
        self.gateway.is_some()
    }

    /// The gateway's world.
    pub(super) fn world(&self) -> Result<&World> {
        Ok(&self.gateway.as_ref().context("there is no gateway")?.world)
    }

    /// A client that has not said anything yet.
    pub(super) fn client(&self, revision: Revision, front: Transport) -> Result<Participant> {
        match (&self.gateway, front) {
            (Some(gateway), Transport::Http) => self.over_http(&gateway.token, revision),
            (Some(gateway), Transport::Stdio) => Participant::stdio(gateway.world.command(&["connect", APP]), revision),
            (None, Transport::Http) => {
                let server = self.server.as_ref().context("the server is not on HTTP")?;
                Participant::http(server.url(), revision)
            }
            (None, Transport::Stdio) => {
                let words = self.command()?;
                let (program, words) = words.split_first().context("no program")?;
                let mut command = Command::new(program);
                command.args(words);
                Participant::stdio(command, revision)
            }
        }
    }

    /// A client of another person and agent, where the gateway tells them apart.
    pub(super) fn stranger(&self, revision: Revision, front: Transport) -> Result<Option<Participant>> {
        let gateway = self.gateway.as_ref().filter(|_| front == Transport::Http);
        gateway.map(|gateway| self.over_http(&gateway.strangers_token, revision)).transpose()
    }

    /// What the server has written down.
    pub(super) fn heard(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.record()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).context("the record is not JSON")).collect()
    }

    fn over_http(&self, token: &str, revision: Revision) -> Result<Participant> {
        let gateway = self.gateway.as_ref().context("there is no gateway")?;
        Ok(Participant::http(&format!("{}/{APP}", gateway.world.mcp_url()), revision)?.with_token(token))
    }

    fn command(&self) -> Result<Vec<String>> {
        let program = program("testkit-upstream")?.display().to_string();
        let record = self.record().display().to_string();
        let words = ["--stdio", "--revision", self.upstream.as_str(), "--record", &record];
        Ok([program].into_iter().chain(words.into_iter().map(str::to_owned)).collect())
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("record.jsonl")
    }
}

const APP: &str = "exact";
