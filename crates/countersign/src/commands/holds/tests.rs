use serde_json::json;

use super::*;

#[test]
fn a_hold_of_an_older_gateway_shows_its_arguments() {
    let lines = |hold: &Value| show(hold).into_iter().filter(|line| line.starts_with("  with ")).collect::<Vec<_>>();
    let newer = json!({ "arguments": { "amount": 7 }, "arguments_text": "{\"amount\": 7.0}" });
    assert_eq!(lines(&newer), ["  with       amount = 7.0"], "as it is sent");
    assert_eq!(lines(&json!({ "arguments": { "amount": 7 } })), ["  with       amount = 7"]);
    for none in [json!({}), json!({ "arguments": null, "arguments_text": null })] {
        assert_eq!(lines(&none), ["  with       no arguments"]);
    }
}
