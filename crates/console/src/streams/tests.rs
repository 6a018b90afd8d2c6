use super::*;

fn human(number: usize) -> HumanId {
    HumanId::parse(&format!("p{number}")).unwrap()
}

#[test]
fn one_person_has_so_many_pages_and_no_more() {
    let streams = Arc::new(Streams::default());
    let mut theirs: Vec<StreamPlace> =
        (0..CONSOLE_STREAMS_PER_PERSON_MAX).map(|_| streams.place(&human(1)).unwrap()).collect();
    assert_eq!(streams.place(&human(1)).err().unwrap().code(), "caller.too_many");
    assert!(streams.place(&human(2)).is_ok(), "somebody else has");
    theirs.pop();
    theirs.push(streams.place(&human(1)).unwrap());
    assert!(streams.place(&human(1)).is_err());
    drop(theirs);
    assert!(streams.lock().is_empty(), "nobody is remembered");
}

#[test]
fn all_together_have_so_many_and_no_more() {
    let streams = Arc::new(Streams::default());
    let mut all: Vec<StreamPlace> = (0..CONSOLE_STREAMS_MAX)
        .map(|number| streams.place(&human(number / CONSOLE_STREAMS_PER_PERSON_MAX)).unwrap())
        .collect();
    let fault = streams.place(&human(CONSOLE_STREAMS_MAX)).err().unwrap();
    assert_eq!((fault.code(), fault.may_retry()), ("gateway.busy", true));
    all.pop();
    assert!(streams.place(&human(CONSOLE_STREAMS_MAX)).is_ok());
}
