use super::*;
use crate::samples::{Log, about, change};

#[test]
fn what_means_something_in_a_format_is_escaped_in_it() {
    assert_eq!(in_header("a|b\\c\nd"), "a\\|b\\\\c d");
    assert_eq!(in_extension("a|b=c\\d\r\ne\rf"), "a|b\\=c\\\\d\\ne\\rf");
}

#[test]
fn each_kind_of_record_has_its_message() {
    let mut log = Log::with_calls(0..1);
    log.add(&[trace::Row::of_change(&change(9)).unwrap()]);
    let messages: Vec<String> = log.items().iter().map(|item| cef(item, &about())).collect();
    let begins = [
        "CEF:0|Countersign|Countersign|1.2.3|intent.allow|call decided: allow|1|rt=1763726400000 externalId=1 ",
        "CEF:0|Countersign|Countersign|1.2.3|outcome.answered|call ended: answered|1|rt=1763726400000 externalId=2 ",
        "CEF:0|Countersign|Countersign|1.2.3|change.people.offboard|people.offboard|3|rt=1763726400009 externalId=3 ",
    ];
    for (message, begin) in messages.iter().zip(begins) {
        assert!(message.starts_with(begin), "{message}");
    }
    assert!(messages[0].contains("reason=people of | sales\\nmay \\= read \\\\ this] \"here\" "), "{}", messages[0]);
    assert!(messages[1].contains("suser=ada requestClientApplication=helper "), "{}", messages[1]);
    assert!(messages[2].contains("act=people.offboard suser=os-user:root duser=human:ada "), "{}", messages[2]);
}

/// One test for all formats: what nobody else would notice if one of them forgot it.
#[test]
fn every_format_carries_the_mark() {
    let log = Log::with_calls(0..3);
    let items = log.items();
    let marked = |item: &Item| item.view().is_some_and(|view| view.verdict == Verdict::Deny);
    assert_eq!(items.iter().filter(|item| marked(item)).count(), 1);
    for item in &items {
        let is = marked(item);
        assert_eq!(item.security_relevant(), is);
        let line: serde_json::Value = serde_json::from_str(&crate::json_line(item)).unwrap();
        assert_eq!(line["security_relevant"] == true, is);
        let event = crate::event(item, &about());
        assert_eq!(event["is_alert"] == true, is);
        assert_eq!(event["metadata"]["labels"] == serde_json::json!(["security_relevant"]), is);
        assert_eq!(event["unmapped"]["countersign"]["security_relevant"] == true, is);
        let message = crate::syslog::message(item, &about());
        assert_eq!(message.contains("cs5Label=securityRelevant cs5=true"), is, "{message}");
        assert_eq!(message.contains("security_relevant=\"true\"]"), is, "{message}");
    }
}
