//! The official SDKs talk to our server in both eras, and to the public reference server: without a gateway between.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Era, Peer, Upstream, UpstreamOptions, everything_command, filesystem_command};

#[test]
fn over_http() -> Result<()> {
    for peer in Peer::ALL {
        for (era, mode, protocol) in CASES {
            let options = UpstreamOptions { era, token: Some("t".to_owned()), ..UpstreamOptions::default() };
            let upstream = Upstream::start(options)?;
            let said = peer.talk(&[&words(mode)[..], &["--url", upstream.url(), "--token", "t"]].concat())?;
            check(&said, protocol);
            assert_eq!(upstream.tags(), [json!("a")], "{peer:?} {era:?} {mode}");
        }
    }
    Ok(())
}

#[test]
fn over_http_as_event_streams() -> Result<()> {
    for peer in Peer::ALL {
        for (era, mode, protocol) in CASES.into_iter().take(2) {
            let upstream = Upstream::start(UpstreamOptions { era, stream: true, ..UpstreamOptions::default() })?;
            check(&peer.talk(&[&words(mode)[..], &["--url", upstream.url()]].concat())?, protocol);
        }
    }
    Ok(())
}

#[test]
fn over_stdio() -> Result<()> {
    for peer in Peer::ALL {
        for (era, mode, protocol) in CASES {
            let era = format!("{era:?}").to_lowercase();
            let command = ["--command", env!("CARGO_BIN_EXE_testkit-upstream"), "--stdio", "--era", &era];
            check(&peer.talk(&[&words(mode)[..], &command].concat())?, protocol);
        }
    }
    Ok(())
}

#[test]
fn the_reference_servers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("note.txt"), "written by a test")?;
    let file = folder.path().join("note.txt").display().to_string();
    let read = json!({"path": file}).to_string();
    for peer in Peer::ALL {
        let command = everything_command()?;
        let echo = ["--call", "echo", "--arguments", "{\"message\": \"hello\"}", "--command"];
        let said = peer.talk(&with(&echo, &command))?;
        assert_eq!(text(&said), Some("Echo: hello"), "{said}");
        let command = filesystem_command(folder.path())?;
        let said = peer.talk(&with(&["--call", "read_text_file", "--arguments", &read, "--command"], &command))?;
        assert_eq!(text(&said), Some("written by a test"), "{said}");
    }
    Ok(())
}

fn with<'a>(words: &[&'a str], command: &'a [String]) -> Vec<&'a str> {
    words.iter().copied().chain(command.iter().map(String::as_str)).collect()
}

fn words(mode: &str) -> [&str; 6] {
    ["--mode", mode, "--call", "echo", "--arguments", "{\"text\": \"hello\", \"tag\": \"a\"}"]
}

fn check(said: &Value, protocol: &str) {
    assert_eq!(said.get("protocol"), Some(&json!(protocol)), "{said}");
    assert_eq!(said.get("server"), Some(&json!("testkit-upstream")), "{said}");
    assert_eq!(said.get("tools"), Some(&json!(["echo", "payload", "slow", "fail", "count"])), "{said}");
    assert_eq!(text(said), Some("hello"), "{said}");
}

fn text(said: &Value) -> Option<&str> {
    said.pointer("/result/content/0/text").and_then(Value::as_str)
}

const CASES: [(Era, &str, &str); 4] = [
    (Era::Modern, "auto", "2026-07-28"),
    (Era::Legacy, "auto", "2025-11-25"),
    (Era::Both, "auto", "2026-07-28"),
    (Era::Both, "legacy", "2025-11-25"),
];
