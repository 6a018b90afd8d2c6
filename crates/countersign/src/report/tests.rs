use super::junit::{Case, Suite, document};
use super::sarif::log;
use super::*;

fn finding(path: &str, line: u64, column: u64) -> Finding {
    Finding {
        kind: Kind::Rule,
        file: path.to_owned(),
        path: path.to_owned(),
        line,
        column,
        said: "unknown attribute `clas`".to_owned(),
        hint: Some("did you mean `class`?".to_owned()),
    }
}

#[test]
fn a_sarif_log_points_at_the_place() {
    let said = log(&[finding("rules/a b.cedar", 12, 5), finding("/etc/rules.yaml", 0, 0)]);
    assert_eq!(said["version"], "2.1.0");
    let run = &said["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let result = &run["results"][0];
    assert_eq!(result["message"]["text"], "unknown attribute `clas`\nhint: did you mean `class`?");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "rules/a%20b.cedar");
    assert_eq!(place["region"], serde_json::json!({"startLine": 12, "startColumn": 5}));
    let whole = &run["results"][1]["locations"][0]["physicalLocation"];
    assert_eq!(whole["artifactLocation"]["uri"], "file:///etc/rules.yaml");
    assert!(whole.get("region").is_none());
}

#[test]
fn every_kind_is_declared_where_its_results_point() {
    for kind in KINDS {
        let said = log(&[Finding { kind, ..finding("a", 1, 1) }]);
        let result = &said["runs"][0]["results"][0];
        let place = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(said["runs"][0]["tool"]["driver"]["rules"][place]["id"], result["ruleId"]);
        assert_eq!(result["level"], kind.level().as_str());
    }
}

#[test]
fn paths_become_references() {
    for (path, uri) in
        [("./a.yaml", "a.yaml"), ("a:b.yaml", "a%3Ab.yaml"), ("d/a:b.yaml", "d/a:b.yaml"), ("ü%", "%C3%BC%25")]
    {
        let said = log(&[finding(path, 1, 1)]);
        let place = &said["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], uri);
    }
}

#[test]
fn findings_read_as_compilers_write_them() {
    for (line, column, wanted) in [(12, 5, "a.cedar:12:5: "), (12, 0, "a.cedar:12: "), (0, 0, "a.cedar: ")] {
        let said = finding("a.cedar", line, column).to_string();
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn junit_holds_any_text() {
    let case = |name: &str, failure: Option<(String, String)>| Case {
        group: "rules/a.cedar".to_owned(),
        name: name.to_owned(),
        file: Some("rules/a.cedar".to_owned()),
        line: Some(3),
        failure,
    };
    let failed = Some(("expected \"deny\"".to_owned(), "a < b\n\u{1b}[31m".to_owned()));
    let cases = vec![case("in order", None), case("<&>", failed)];
    insta::assert_snapshot!(document(&[Suite { name: "cases".to_owned(), cases }]), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="countersign" tests="2" failures="1" errors="0">
      <testsuite name="cases" tests="2" failures="1" errors="0" skipped="0">
        <testcase classname="rules/a.cedar" name="in order" file="rules/a.cedar" line="3"/>
        <testcase classname="rules/a.cedar" name="&lt;&amp;&gt;" file="rules/a.cedar" line="3">
          <failure message="expected &quot;deny&quot;" type="failure">a &lt; b&#10;�[31m</failure>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}
