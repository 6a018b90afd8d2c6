use super::*;

/// A stream on which an app asks this often and then says something.
fn stream(id: Option<u64>, asks: usize, says: &str) -> Watch {
    let (tell, told) = mpsc::channel(asks + 1);
    for number in 0..asks {
        let asked = format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"roots/list","params":{{}}}}"#);
        tell.try_send(Bytes::from(asked)).unwrap();
    }
    tell.try_send(Bytes::copy_from_slice(says.as_bytes())).unwrap();
    Watch {
        source: Source::Child(Overheard { told, _until: Box::new(tell) }),
        id,
        batches: false,
        questions: Vec::new(),
    }
}

#[tokio::test]
async fn nothing_is_kept_of_what_an_app_asks_where_nobody_takes_it() {
    let listens = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"resourceSubscriptions":["file:///a"]}}}"#;
    for uri in [None, Some("file:///a")] {
        let mut watch = stream(Some(7), 1_000, listens);
        assert!(watch.acknowledged(uri).await.unwrap());
        assert!(watch.questions().is_empty(), "{uri:?}");
    }
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}"#;
    let mut watch = stream(Some(7), 1_000, changed);
    let told = loop {
        match watch.next().await.unwrap() {
            told if told.is_empty() => assert!(watch.questions.is_empty()),
            told => break told,
        }
    };
    assert_eq!(told, [("notifications/resources/updated".to_owned(), Bytes::from_static(changed.as_bytes()))]);
}

#[tokio::test]
async fn what_an_app_asks_on_the_stream_of_a_session_is_taken() {
    let mut watch = stream(None, 1, "{}");
    assert!(watch.next().await.unwrap().is_empty());
    let questions = watch.questions();
    let [Question { id, method, params }] = questions.as_slice() else { panic!("{}", questions.len()) };
    assert_eq!((id.as_ref(), method.as_str(), params.as_deref()), (&b"0"[..], "roots/list", Some(&b"{}"[..])));
    assert!(watch.questions().is_empty());
}

#[tokio::test]
async fn several_messages_come_as_one_where_there_are_batches() {
    let batch =
        r#"[{"jsonrpc":"2.0","id":0,"method":"roots/list"},{"jsonrpc":"2.0","method":"notifications/message"}]"#;
    let mut watch = Watch { batches: true, ..stream(None, 0, batch) };
    let told = watch.next().await.unwrap();
    assert_eq!(told.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>(), ["notifications/message"]);
    assert_eq!(watch.questions().len(), 1);
    for (batches, refused) in [(false, batch), (true, "[]"), (true, "[[]]")] {
        let mut watch = Watch { batches, ..stream(None, 0, refused) };
        assert!(matches!(watch.next().await, Err(Ended::Broken(_))), "{refused}");
    }
}
