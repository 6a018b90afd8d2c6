use super::*;

fn sent(body: &str) -> Result<Vec<String>, String> {
    let document = Document::parse(body.as_bytes()).unwrap();
    let mut asking = Asking::default();
    asking.sends(document.root(), "").map_err(|fault| fault.to_string())?;
    Ok(asking.sends.iter().map(ToString::to_string).collect())
}

fn members(count: usize) -> String {
    (0..count).map(|at| format!(r#""a{at}":1"#)).collect::<Vec<_>>().join(",")
}

#[test]
fn what_is_sent_is_named_by_its_leaves() {
    let body = r#"{"name":"Ana","jobs":[{"title":"x"},{"title":"y","tags":[]}],"address":{"city":null},"notes":{}}"#;
    assert_eq!(sent(body).unwrap(), ["address.city", "jobs[].tags", "jobs[].title", "name", "notes"]);
    for wrong in [r#"{"a.b":1}"#, r#"{"":1}"#, r#"{"a[0]":1}"#, r#"{"a\u0000":1}"#] {
        assert!(sent(wrong).is_err(), "{wrong}");
    }
    assert!(sent(&format!("{{{}}}", members(FIELDS_MAX))).is_ok());
    assert!(sent(&format!("{{{}}}", members(FIELDS_MAX + 1))).unwrap_err().contains("too many fields"));
}

#[test]
fn a_list_in_a_list_is_of_the_same_field() {
    let body = r#"{"location":{"coordinates":[[1,2],[3,[4]]]},"rows":[[{"cells":[[1]]}]]}"#;
    assert_eq!(sent(body).unwrap(), ["location.coordinates[]", "rows[].cells[]"]);
}

// INVARIANT: what a body takes to be read is bounded by its length, however its names are laid out.
#[test]
fn a_name_is_as_long_as_one_may_be() {
    let longest = "a".repeat(PATH_BYTES_MAX - ".b".len());
    assert!(sent(&format!(r#"{{"{longest}":{{"b":1}}}}"#)).is_ok());
    let long = "a".repeat(1 << 20);
    for body in [
        format!(r#"{{"{longest}":{{"bb":1}}}}"#),
        format!(r#"{{"{long}":{{{}}}}}"#, members(FIELDS_MAX)),
        format!(r#"{{"{long}":[{}1]}}"#, "1,".repeat(100_000)),
        format!(r#"{{"{long}":1}}"#),
    ] {
        let said = sent(&body).unwrap_err();
        assert!(said.contains("longer than one may be") && said.len() < 256, "{said}");
    }
}
