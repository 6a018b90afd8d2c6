use std::path::Path;

use super::*;

fn config(text: &str) -> Config {
    Config::parse(Path::new("c.yaml"), text, &|_| None).unwrap()
}

/// With a provider, and with what it calls whom.
fn provided(oidc: &str, people: &str) -> Config {
    config(&format!("people: {{{people}}}\nconsole: {{oidc: {{{oidc}}}}}\n"))
}

#[test]
fn what_takes_a_restart_is_named_as_it_stands_in_the_file() {
    let console = "console: {url: 'https://pages.example'}\n";
    let channel = "notify: {one: {kind: slack, url: 'https://hooks.example/x'}}\n";
    let export = "exports: {out: {kind: jsonl, file: a.jsonl}}\n";
    let whole = format!("{console}{channel}{export}");
    for (before, after, wanted) in [
        ("", "", vec![]),
        ("", "people: {ana: {}}\n", vec![]),
        ("", "trace: {keep_bodies: 90d}\n", vec![]),
        ("", "holds: {expire_after: 5m}\n", vec!["holds"]),
        ("", "holds: {emergency: {approvers: ['role:security']}}\n", vec!["holds"]),
        ("", "limits: {call_seconds_max: 5}\n", vec!["limits"]),
        ("", "limits: {call_seconds_max: 5}\nholds: {for_task: 0s}\n", vec!["limits", "holds"]),
        ("", "trace: {publish: true, checkpoint_copy: elsewhere}\n", vec!["trace"]),
        (console, &format!("{console}{channel}"), vec!["notify"]),
        (console, &format!("{console}{export}"), vec!["exports"]),
        (&whole, console, vec!["exports", "notify"]),
        ("", "listen: 127.0.0.1:1\nconsole: {}\n", vec!["listen", "console"]),
    ] {
        let found = needed(&config(before), &config(after));
        assert_eq!(found, wanted, "{before:?} {after:?}");
    }
}

#[test]
fn a_name_counts_with_the_provider_for_which_it_was_written() {
    let (a, b) = ("issuer: 'https://a.example', client_id: console", "issuer: 'https://b.example', client_id: console");
    let started = provided(a, "bo: {oidc: '7'}, carol: {oidc: '8'}, dan: {oidc: '9'}");
    let known = |running: &DirectorySnapshot, now: &Config| {
        let mut known: Vec<(String, String)> = known_elsewhere(&started, running, now)
            .into_iter()
            .map(|(name, human)| (name.to_string(), human.to_string()))
            .collect();
        known.sort();
        known
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, human)| ((*name).to_owned(), (*human).to_owned())).collect()
    };
    let moved = "bo: {oidc: '70'}, carol: {oidc: '7'}, dan: {}";
    let of_before = pairs(&[("7", "bo"), ("8", "carol")]);
    for elsewhere in [b, &format!("{a}, claim: preferred_username"), "issuer: 'https://a.example', client_id: other"] {
        assert_eq!(known(&started.directory, &provided(elsewhere, moved)), of_before, "{elsewhere}");
    }
    let in_force = pairs(&[("7", "carol"), ("70", "bo")]);
    assert_eq!(known(&started.directory, &provided(a, moved)), in_force, "the same provider: from now on");
    let named_anew = provided(&format!("{a}, name: Acme SSO"), moved);
    assert_eq!(known(&started.directory, &named_anew), in_force, "what people call it matters nothing");
    assert!(known(&started.directory, &config("people: {bo: {}}\n")).is_empty());
    // Reloaded once more: what counts is the provider that runs.
    let mut running = provided(b, moved).directory;
    running.known_elsewhere = known_elsewhere(&started, &started.directory, &provided(b, moved));
    assert_eq!(known(&running, &provided(b, moved)), of_before);
    assert_eq!(known(&running, &provided(a, moved)), in_force);
}
