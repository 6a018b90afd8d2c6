//! HTTP/2 from the vendor to the app: curl before the door, a server of Node behind it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{World, workspace_root};
use trace::RecordKind;

use crate::kit::records;
use crate::vendors::{contract, key, last_outcome, office_of, printed, sign, with_door};

/// An app that speaks HTTP/2 over TLS. It ends with this.
struct App {
    process: Child,
    url: String,
}

impl App {
    fn start() -> Result<Self> {
        let tls = workspace_root().join("crates/front/src/tls");
        let mut process = Command::new("node")
            .arg(workspace_root().join("tests/node/http2-app.mjs"))
            .args([tls.join("gateway.pem"), tls.join("gateway.key")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node cannot be started\nhint: cargo xtask setup")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Self { process, url: format!("https://localhost:{}/v1", line.trim()) })
    }

    /// The office with this as its app, which the gateway trusts, and a door with TLS.
    fn office(&self) -> Result<World> {
        let app = json!({
            "api": "apps/ats.api.yaml", "url": self.url, "credential": "env:ATS_TOKEN", "risk": "high",
            "data": "restricted", "owners": ["ana", "bob"],
        });
        let authority = workspace_root().join("crates/front/src/tls/gateway.pem");
        let authority = authority.to_str().context("no text")?.to_owned();
        office_of(app, &contract(), |world| with_door(world).environment("SSL_CERT_FILE", &authority))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// What curl says of one request at the door with TLS: the body, the version and the status.
fn curl(world: &World, path: &str, more: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--cacert", "tls/gateway.pem"]).args(more);
    command.args(["--write-out", "\n%{http_version} %{http_code}"]).arg(format!("{}{path}", world.door_url()));
    printed(command.current_dir(world.folder()))
}

#[test]
fn a_record_goes_from_app_to_vendor_over_http_2() -> Result<()> {
    let app = App::start()?;
    let world = app.office()?;
    sign(&world)?;
    let add = ["vendors", "keys", "add-certificate", "acme-screening", "vendor/certificate.pem"];
    let bound = ["--contract", "acme-screening", "--purpose", "background-screening"];
    world.run_well(&[&add[..], &bound].concat())?;
    let header = format!("authorization: Bearer {}", key(&world, "background-screening")?);
    let certificate = ["--cert", "vendor/certificate.pem", "--key", "vendor/certificate.key"];
    let record = "/api/ats/candidates/c_0";
    for (more, version) in [
        ([&["--http2"][..], &certificate].concat(), "2 200"),
        (vec!["--http2", "--header", &header], "2 200"),
        (vec!["--http1.1", "--header", &header], "1.1 200"),
    ] {
        let got = curl(&world, record, &more)?;
        ensure!(got.last().map(String::as_str) == Some(version), "{more:?}: {got:?}");
        let body = got.concat();
        ensure!(body.contains("Candidate c_0") && !body.contains("salary") && !body.contains("seen"), "{body}");
        let outcome = last_outcome(&world, "get_candidate")?;
        let leaf = outcome.outcome_leaf.as_deref().unwrap_or_default();
        ensure!(leaf.contains(r#""wire":"http/2""#), "to the app: {leaf}");
        let asked = if version.starts_with('2') { "http/2" } else { "http/1.1" };
        ensure!(outcome.leaf.contains(&format!(r#""wire":"{asked}""#)), "from the vendor: {}", outcome.leaf);
    }
    // What the contract does not reach, what the app did not look at, and what it broke off.
    for (id, status) in [("c_404", "2 404"), ("c_refused", "2 503"), ("c_reset", "2 502"), ("c_cut", "2 502")] {
        let got = curl(&world, &format!("/api/ats/candidates/{id}"), &["--http2", "--header", &header])?;
        ensure!(got.last().map(String::as_str) == Some(status), "{id}: {got:?}");
        ensure!(!got.concat().contains("contoso"), "{got:?}");
        let executed = got.concat().contains(r#""perhaps_executed":true"#);
        ensure!(executed == matches!(id, "c_reset" | "c_cut"), "{id}: {got:?}");
    }
    // Where nobody asked for TLS, HTTP/2 is not spoken.
    let plain = format!("{}{record}", world.base_url());
    let spoken =
        Command::new("curl").args(["--silent", "--http2-prior-knowledge", "--max-time", "20", &plain]).output()?;
    ensure!(!spoken.status.success(), "{spoken:?}");
    let ran = records(&world)?.iter().filter(|entry| entry.kind == RecordKind::Intent).count();
    ensure!(ran == 7, "{ran}");
    Ok(())
}
