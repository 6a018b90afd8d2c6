use super::*;

#[test]
fn a_form_holds_each_thing_once_and_no_secret() {
    let read = |text: &str| Form::read(text.as_bytes()).map_err(|refused| refused.said);
    let form = read("grant_type=client_credentials&client_assertion=a.b%2Bc&scope=x&client_id=k").unwrap();
    assert_eq!(form.grant_type.as_deref(), Some("client_credentials"));
    assert_eq!((form.assertion.as_deref(), form.client_id.as_deref()), (Some("a.b+c"), Some("k")));
    for text in ["grant_type=a&grant_type=a", "client_assertion=a&client_%61ssertion=b", "client_secret=s"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_stranger_learns_nothing_of_which_vendors_there_are() {
    let said = |error: AssertionError| Refused::assertion(&error).said;
    let unknown = said(AssertionError::Key(identity::KeyError::Unknown));
    for error in [AssertionError::Key(identity::KeyError::Revoked(Arc::from("k1"))), AssertionError::Signature] {
        assert_eq!(said(error), unknown);
    }
    assert_ne!(said(AssertionError::Used), unknown);
}
