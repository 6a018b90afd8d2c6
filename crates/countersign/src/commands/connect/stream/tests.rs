use super::Events;

#[test]
fn events_become_messages_however_they_are_cut() {
    let text =
        ": hello\r\n\r\nid: 1\r\ndata: {\"a\":1}\r\n\r\ndata\n\ndata: \n\nevent: message\ndata:{\ndata: \"b\":2}\n\nda";
    let whole: Vec<String> = Events::default().take(text.as_bytes()).into_iter().map(text_of).collect();
    assert_eq!(whole, ["{\"a\":1}", "{\n\"b\":2}"]);
    let mut events = Events::default();
    let cut: Vec<String> = text.bytes().flat_map(|byte| events.take(&[byte])).map(text_of).collect();
    assert_eq!(cut, whole);
    assert_eq!(events.waiting(), 2);
}

fn text_of(message: Vec<u8>) -> String {
    String::from_utf8(message).unwrap()
}
