use std::path::PathBuf;

use super::Source;

#[test]
fn the_three_forms() {
    let table = [
        ("env:CRM_TOKEN", Source::Env("CRM_TOKEN".to_owned())),
        ("env:_x9", Source::Env("_x9".to_owned())),
        ("file:/run/secrets/crm", Source::File(PathBuf::from("/run/secrets/crm"))),
        ("file:a:b", Source::File(PathBuf::from("a:b"))),
        ("vault:crm/prod-1.key", Source::Vault("crm/prod-1.key".to_owned())),
    ];
    for (text, expected) in table {
        let source: Source = text.parse().unwrap();
        assert_eq!(source, expected);
        assert_eq!(source.to_string(), text);
    }
}

#[test]
fn an_error_names_the_forms_and_never_the_text() {
    let table = [
        "ghp_s3cr3tvalue",
        "",
        "env:",
        "env:9s3cr3t",
        "env:s3cr3t value",
        "env:s3cr3t=x",
        "file:",
        "file:s3cr3t\0",
        "vault:",
        "vault:s3cr3t|x",
        "vault:s3cr3t value",
        "https://s3cr3t@host",
        "ENV:S3CR3T",
        " env:s3cr3t",
    ];
    for text in table {
        let error = text.parse::<Source>().unwrap_err();
        assert!(!error.to_lowercase().contains("s3cr3t"), "{error}");
        assert!(["`env:", "`file:", "`vault:"].iter().any(|form| error.contains(form)), "{error}");
    }
}
