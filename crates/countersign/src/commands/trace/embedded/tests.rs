use super::*;

#[test]
fn receipts_are_found_as_they_were_written() {
    let page = "<!DOCTYPE html>\n<h3 id=\"record-7\">Record 7</h3><pre class=\"receipt\">c2sp.org/tlog-proof@v1\na &amp;lt; &lt;b&gt;\n</pre>\
                <h3 id=\"record-9\">Record 9</h3><pre class=\"receipt\">x\n</pre>";
    assert!(is_page(page) && !is_page("c2sp.org/tlog-proof@v1\n"));
    let found = receipts(page).unwrap();
    assert_eq!(found[0], Embedded { sequence: 7, text: "c2sp.org/tlog-proof@v1\na &lt; <b>\n".to_owned() });
    assert_eq!((found.len(), found[1].sequence), (2, 9));
    for broken in [
        "<h3 id=\"record-x\">Record x</h3><pre class=\"receipt\">x</pre>",
        "<h3 id=\"record-7\">Record 7</h3>",
        "<h3 id=\"record-7\">Record 7</h3><pre class=\"receipt\">x",
    ] {
        assert!(receipts(broken).is_err(), "{broken}");
    }
}
