use super::*;

#[test]
fn addresses_are_shown_without_their_settings() {
    for (text, shown) in [
        ("postgres://gateway@localhost/trace", "postgres://gateway@localhost/trace"),
        ("postgresql://g@127.0.0.1:5433/t?target_session_attrs=read-write", "postgres://g@127.0.0.1:5433/t"),
        ("postgres:///trace?host=/run/postgresql&user=g", "postgres://g@/run/postgresql/trace"),
        ("postgres://g@/trace?host=/run/postgresql", "postgres://g@/run/postgresql/trace"),
        ("postgres://g@db.example/t?sslmode=disable", "postgres://g@db.example/t"),
    ] {
        let address =
            Address::parse(text, "main", Path::new("keys")).unwrap().with_password(&Secret::new("geheim".to_owned()));
        assert_eq!(address.to_string(), shown);
        assert!(!format!("{address:?}").contains("geheim"));
    }
}

#[test]
fn what_would_give_something_away_is_refused() {
    for (text, log, said, hint) in [
        ("postgres://g:geheim@localhost/t", "main", "a password does not belong into an address", "trace: password:"),
        ("postgres://g@localhost/t?sslmode=prefer", "main", "`prefer` is no `sslmode`", "verify-full"),
        ("postgres://g@localhost/t?sslmode=disable&sslrootcert=/ca.pem", "main", "`sslrootcert`", "verify-full"),
        ("postgres://g@db.example/t", "main", "`db.example` in the clear", "sslmode=verify-full"),
        ("postgres://g@localhost,10.0.0.1/t", "main", "`10.0.0.1` in the clear", "socket"),
        ("postgres://g@localhost/t?hostaddr=10.0.0.1", "main", "`10.0.0.1` in the clear", "socket"),
        ("host=localhost user=g", "main", "not the address of a database", "postgres://"),
        ("mysql://g@localhost/t", "main", "not the address of a database", "postgres://"),
        ("postgres://g@localhost/t?colour=red", "main", "cannot be read", "postgres://"),
        ("postgres://g@localhost/t", "my log", "`my log` is no name for a log", "letters"),
        ("postgres://g@localhost/t", "", "`` is no name for a log", "letters"),
    ] {
        let error = Address::parse(text, log, Path::new("keys")).unwrap_err();
        assert!(error.to_string().contains(said) && error.hint().contains(hint), "{text}: {error}, {}", error.hint());
        assert!(!format!("{error} {}", error.hint()).contains("geheim"));
    }
}

#[test]
fn an_encrypted_link_is_asked_for_as_elsewhere() {
    let root = || Encryption::Verified(Some(PathBuf::from("/etc/my ca.pem")));
    for (query, expected) in [
        ("", Encryption::None),
        ("?sslmode=disable", Encryption::None),
        ("?sslmode=require", Encryption::Required),
        ("?sslmode=verify-full", Encryption::Verified(None)),
        ("?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem", root()),
        ("?sslrootcert=/etc/my%20ca.pem&target_session_attrs=read-write&sslmode=require", root()),
    ] {
        let address = Address::parse(&format!("postgres://g@localhost/t{query}"), "main", Path::new("keys")).unwrap();
        assert_eq!(address.encryption, expected, "{query}");
        let asked = address.config("test").config.get_ssl_mode();
        assert_eq!(asked == SslMode::Require, expected != Encryption::None, "nothing goes out in the clear then");
    }
    for query in ["sslmode=require", "sslmode=verify-full&sslrootcert=ca.pem"] {
        assert!(Address::parse(&format!("postgres://g@db.example/t?{query}"), "main", Path::new("keys")).is_ok());
    }
}
