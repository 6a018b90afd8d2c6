use std::path::Path;
use std::process::Command;

use testkit::PostgresServer;
use tokio_postgres::types::Type;

use super::super::address::Address;
use super::super::link::Link;
use super::super::session::TIME_MAX;

/// An authority, and a certificate by it for `localhost` with its key: files of this folder.
fn certified(folder: &Path) {
    let script = "set -e
        new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=authority -days 2 -addext keyUsage=critical,keyCertSign
        openssl req $new -keyout key.pem -out request.pem -subj /CN=localhost
        echo subjectAltName=DNS:localhost > names
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out certificate.pem -days 2 -extfile names";
    let done = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Whether the link is encrypted. Error: what the server, or what we have against it, with all causes.
fn linked(url: &str) -> Result<bool, String> {
    let address = Address::parse(url, "main", Path::new("keys")).map_err(|error| error.to_string())?;
    let said = |fault: trace::StoreFault| {
        let mut text = fault.to_string();
        let mut cause = std::error::Error::source(&fault);
        while let Some(found) = cause {
            text.push_str(&format!(": {found}"));
            cause = found.source();
        }
        text
    };
    let link = Link::open(address.config("test")).map_err(|failure| said(failure.fault))?;
    let asked =
        link.client.query_typed("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[] as &[(_, Type)]);
    Ok(link.wait(TIME_MAX, asked).map_err(|failure| said(failure.fault))?[0].get(0))
}

#[test]
fn a_link_is_encrypted_and_leads_to_whom_it_should() {
    let folder = tempfile::tempdir().unwrap();
    certified(folder.path());
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let server = PostgresServer::start_encrypted(&text("certificate.pem"), &text("key.pem")).unwrap();
    server.database("far").unwrap();
    let url = |host: &str, query: &str| format!("postgres://gateway@{host}:{}/far?{query}", server.port());
    let (ours, others) = (folder.path().join("ca.pem"), tempfile::tempdir().unwrap());
    certified(others.path());
    let (ours, others) = (ours.display(), others.path().join("ca.pem"));
    let verified = format!("sslmode=verify-full&sslrootcert={ours}");
    assert_eq!(linked(&url("localhost", &verified)), Ok(true));
    assert_eq!(linked(&url("localhost", "sslmode=require")), Ok(true));
    assert_eq!(linked(&url("localhost", "sslmode=disable")), Ok(false));
    for (host, query, said) in [
        ("127.0.0.1", verified.as_str(), "certificate"),
        ("localhost", "sslmode=verify-full", "UnknownIssuer"),
        ("localhost", &format!("sslmode=verify-full&sslrootcert={}", others.display()), "certificate"),
        ("localhost", "sslmode=verify-full&sslrootcert=/none.pem", "`/none.pem` holds no certificates"),
    ] {
        let refused = linked(&url(host, query)).unwrap_err();
        assert!(refused.contains(said), "{host} {query}: {refused}");
    }
}

/// A server, or somebody on the way, who says that there is no encryption here.
#[test]
fn nothing_is_said_in_the_clear_where_encryption_was_asked_for() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("near").unwrap();
    assert_eq!(linked(&url), Ok(false));
    let refused = linked(&format!("{url}&sslmode=require")).unwrap_err();
    assert!(refused.contains("TLS"), "{refused}");
}
