use std::sync::Arc;

use model::{Blame, Release as _};

use super::*;
use crate::release::{Condition, ReleasePlan};

#[test]
fn whoever_carries_an_answer_learns_nothing_of_it_from_a_fault() {
    let mut plan = ReleasePlan::only("$[*]", ["id"]);
    plan.records_max = Some(2);
    plan.each =
        vec![Condition { path: "t".to_owned(), one_of: vec![model::Scalar::Whole(1)], clause: Arc::from("a/2.2") }];
    let release = Release::compile(&plan).unwrap();
    let faults = [
        (r#"[{"secret":1,"secret":2}]"#, Blame::Upstream, "upstream.garbage"),
        (r#"[{"secret":1,§}]"#, Blame::Upstream, "upstream.garbage"),
        (r#"{"secret":1}"#, Blame::Upstream, "upstream.garbage"),
        (r#"[{"t":"secret"}]"#, Blame::Rule, "rule.outside"),
        (r#"[{"t":1},{"t":1},{"t":1}]"#, Blame::Rule, "rule.limit"),
    ];
    for (answer, blame, code) in faults {
        let mut filter = release.filter(Form::Json).unwrap();
        let mut out = Vec::new();
        let went = filter.push(answer.as_bytes(), &mut out).and_then(|()| filter.finish(&mut out));
        let fault = went.unwrap_err();
        assert_eq!((fault.blame(), fault.code()), (blame, code), "{answer}");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }
    let mut filter = release.filter(Form::Json).unwrap();
    let mut out = Vec::new();
    filter.push(br#"[{"id":1,"t":1,"x":2},"#, &mut out).unwrap();
    assert_eq!(filter.so_far(), Released { rows: 1, dropped: 0, removed: 2 });
    filter.push(br#"{"id":2,"t":1}]"#, &mut out).unwrap();
    assert_eq!(filter.finish(&mut out).unwrap(), Released { rows: 2, dropped: 0, removed: 3 });
    assert_eq!(out, br#"[{"id":1},{"id":2}]"#);
}
