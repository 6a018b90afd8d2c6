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
        ("postgres://g@localhost/t?sslmode=require", "main", "encrypted links", "tunnel"),
        ("postgres://g@db.example/t", "main", "`db.example` in the clear", "sslmode=disable"),
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
