use super::*;

#[test]
fn a_clause_is_one_text() {
    let clause: Clause = "acme-screening/3.2".parse().unwrap();
    assert_eq!((clause.contract.as_str(), clause.number.as_str()), ("acme-screening", "3.2"));
    assert_eq!(clause.rule().unwrap().as_str(), "contract:acme-screening/3.2");
    assert_eq!(serde_json::to_string(&clause).unwrap(), r#""acme-screening/3.2""#);
    for wrong in ["acme-screening", "acme-screening/", "/3.2", "Acme/3.2", "acme/3 2", "acme/3/2"] {
        assert!(wrong.parse::<Clause>().is_err(), "{wrong}");
    }
    let longest = format!("{}/{}", "c".repeat(64), "9".repeat(24));
    assert!(longest.parse::<Clause>().unwrap().rule().is_ok());
}

#[test]
fn what_nobody_knows_yet_is_neither_true_nor_false() {
    let state: BTreeMap<Arc<str>, Shown<Scalar>> =
        [("status".into(), Shown::Open), ("team".into(), Shown::Known(Scalar::Bool(true)))].into();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(text, r#"{"status":"open","team":{"known":{"bool":true}}}"#);
    assert_eq!(serde_json::from_str::<BTreeMap<Arc<str>, Shown<Scalar>>>(&text).unwrap(), state);
}
