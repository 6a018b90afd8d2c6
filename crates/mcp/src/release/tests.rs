use json::release::{Condition, How, Outside, Removal, Tell, Total};
use json::{Release as Compiled, ReleasePlan};
use model::Scalar;
use serde_json::{Value as Json, json};

use super::*;

/// Candidates of northwind: the id, the tenant and the name.
fn contract(rows: &str) -> Compiled {
    let mut plan = ReleasePlan::only(rows, ["id", "client", "name", "salary"]);
    plan.each.push(Condition {
        path: "client".to_owned(),
        one_of: vec![Scalar::Text("northwind".into())],
        clause: "acme/1.2".into(),
    });
    plan.removed.push(Removal {
        path: "salary".to_owned(),
        how: How::Replace("[redacted: §3.2]".to_owned()),
        clause: "acme/3.2".into(),
    });
    plan.outside = Outside::Drop;
    if rows != "$" {
        plan.totals.push(Total { path: "$.total".to_owned(), tell: Tell::Count });
    }
    Compiled::compile(&plan).unwrap()
}

fn let_out(kind: AnswerKind, body: &Json, rows: &str) -> Result<(Json, Released), Fault> {
    let answer = Answer { kind, body: Bytes::from(body.to_string()) };
    let (answer, released) = release(answer, &contract(rows), Said { form: Form::Json, one: rows == "$" })?;
    Ok((serde_json::from_slice(&answer.body).unwrap(), released))
}

fn ours(id: &str) -> Json {
    json!({"id": id, "client": "northwind", "name": "Ada", "salary": "SECRET", "unlisted": "SECRET"})
}

fn theirs() -> Json {
    json!({"id": "SECRET", "client": "contoso", "name": "SECRET"})
}

#[test]
fn structure_goes_through_the_filter_and_the_text_is_made_of_it() {
    let data = json!({"data": [ours("c_1"), theirs(), ours("c_2")], "total": 3});
    let body = json!({"content": [{"type": "text", "text": data.to_string()}], "structuredContent": data});
    let (shown, released) = let_out(AnswerKind::Result, &body, "$.data[*]").unwrap();
    assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
    assert_eq!(shown["structuredContent"]["total"], 2);
    assert_eq!(shown["structuredContent"]["data"][0]["salary"], "[redacted: §3.2]");
    let text = shown["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Json>(text).unwrap(), shown["structuredContent"]);
    assert_eq!(shown["content"].as_array().unwrap().len(), 1);
    assert_eq!((released.rows, released.dropped), (2, 1));
}

#[test]
fn a_text_that_is_json_goes_through_the_filter() {
    let body = json!({"content": [{"type": "text", "text": ours("c_1").to_string()}], "isError": false});
    let (shown, released) = let_out(AnswerKind::Result, &body, "$").unwrap();
    assert!(shown.to_string().contains("c_1") && !shown.to_string().contains("SECRET"), "{shown:#}");
    assert_eq!(released.rows, 1);
}

// INVARIANT: nothing of a record is seen before it is known to be the contract's.
#[test]
fn a_record_of_somebody_else_shows_nothing() {
    for body in [
        json!({"content": [{"type": "text", "text": theirs().to_string()}]}),
        json!({"content": [], "structuredContent": theirs()}),
        json!({"content": [{"type": "text", "text": ours("c_1").to_string()}, {"type": "text", "text": theirs().to_string()}]}),
        json!({"content": [{"type": "text", "text": "[]"}, {"type": "text", "text": "{}"}]}),
        json!({"content": [{"type": "text", "text": "no such record"}]}),
        json!({"content": [{"type": "text", "text": "null"}]}),
        json!({"content": [], "structuredContent": null}),
        json!({"content": [], "structuredContent": {"result": null}}),
    ] {
        let fault = let_out(AnswerKind::Result, &body, "$").unwrap_err();
        assert_eq!(fault.code(), "rule.outside", "{body}");
    }
}

#[test]
fn what_is_no_json_is_withheld() {
    let body = json!({
        "content": [
            {"type": "text", "text": "SECRET", "annotations": {"note": "SECRET"}},
            {"type": "text", "text": "\"SECRET\""},
            {"type": "text", "text": ours("c_1").to_string(), "_meta": {"x": "SECRET"}},
            {"type": "image", "data": "SECRET", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "x://SECRET", "name": "SECRET"},
            {"type": "resource", "resource": {"uri": "x://1", "text": ours("SECRET").to_string()}},
            {"type": "made up", "text": "{\"id\":\"SECRET\"}"},
            "SECRET",
        ],
        "_meta": {"theirs": "SECRET"},
        "unknown": "SECRET",
    });
    let (shown, released) = let_out(AnswerKind::Result, &body, "$").unwrap();
    assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
    assert_eq!((shown["content"].as_array().unwrap().len(), released.rows), (8, 1));
    assert!(released.removed >= 9, "{released:?}");
    assert!(shown["content"][0]["text"].as_str().unwrap().starts_with("[withheld by countersign"));
}

#[test]
fn records_at_once_are_those_of_all_texts_together() {
    let texts = |count: usize| {
        let text = json!({"type": "text", "text": ours("c_1").to_string()});
        Bytes::from(json!({"content": vec![text; count]}).to_string())
    };
    let mut plan = ReleasePlan::only("$", ["id"]);
    plan.records_max = Some(2);
    let contract = Compiled::compile(&plan).unwrap();
    for (count, expect) in [(2, None), (3, Some("rule.limit"))] {
        let answer = Answer { kind: AnswerKind::Result, body: texts(count) };
        let let_out = release(answer, &contract, Said { form: Form::Json, one: false });
        assert_eq!(let_out.err().map(|fault| fault.code()), expect, "{count} texts");
    }
}

#[test]
fn an_app_does_not_say_in_words_what_may_not_be_seen() {
    let body = json!({"isError": true, "content": [{"type": "text", "text": "no SECRET"}], "structuredContent": {"e": "SECRET"}});
    let (shown, _) = let_out(AnswerKind::ToolError, &body, "$").unwrap();
    assert!(!shown.to_string().contains("SECRET") && shown["isError"] == true, "{shown:#}");
    let body = json!({"code": -7, "message": "SECRET", "data": "SECRET"});
    let (shown, _) = let_out(AnswerKind::ProtocolError, &body, "$").unwrap();
    assert_eq!(shown, json!({"code": -7, "message": WENT_WRONG}));
    let (shown, _) = let_out(AnswerKind::ProtocolError, &json!({"code": "SECRET"}), "$").unwrap();
    assert!(!shown.to_string().contains("SECRET"), "{shown:#}");
}

#[test]
fn nothing_is_asked_back() {
    let body = json!({"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create", "params": "SECRET"}}});
    assert_eq!(let_out(AnswerKind::Unfinished, &body, "$").unwrap_err().code(), "rule.unfinished");
    let garbage = Answer { kind: AnswerKind::Result, body: Bytes::from_static(b"[1]") };
    assert_eq!(
        release(garbage, &contract("$"), Said { form: Form::Json, one: true }).unwrap_err().code(),
        "upstream.garbage"
    );
}

#[test]
fn lines_are_records_where_the_mapping_says_so() {
    let text = format!("{}\n{}\n", ours("c_1"), theirs());
    let answer = Answer {
        kind: AnswerKind::Result,
        body: Bytes::from(json!({"content": [{"type": "text", "text": text}]}).to_string()),
    };
    let (answer, released) = release(answer, &contract("$"), Said { form: Form::Lines, one: false }).unwrap();
    let shown = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(shown.contains("c_1") && !shown.contains("SECRET"), "{shown}");
    assert_eq!((released.rows, released.dropped), (1, 1));
}
