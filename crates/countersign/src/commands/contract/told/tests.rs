use contract::{Cells, Change};
use model::Operation;

use super::*;

#[test]
fn no_name_of_a_contract_moves_a_terminal() {
    let cells = Cells {
        change: Change::Permits,
        app: "ats".parse().unwrap(),
        entity: "note\u{1b}[2K\r".into(),
        operation: Operation::Read,
        state: None,
        fields: Vec::new(),
        when: None,
    };
    let others = vec!["permits the data of contoso and z\u{202e}".to_owned()];
    assert_eq!(
        different(&Difference { cells: vec![cells], others }),
        ["permits to read `note\\u{1b}[2K\\u{d}` in ats", "permits the data of contoso and z\\u{202e}"]
    );
    assert_eq!(
        pretty("{\"tenants\":[\"z\u{202e}\u{9b}2K\"]}"),
        "{\n  \"tenants\": [\n    \"z\\u{202e}\\u{9b}2K\"\n  ]\n}"
    );
}
