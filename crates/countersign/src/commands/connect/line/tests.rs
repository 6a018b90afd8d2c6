use super::Lines;

async fn check(text: &[u8], bytes_max: usize, expected: &[Result<&str, ()>]) {
    let mut lines = Lines::new(text);
    lines.bytes_max = bytes_max;
    for line in expected {
        let next = lines.next().await.unwrap();
        assert_eq!(next.as_deref().map(|line| std::str::from_utf8(line).unwrap()).map_err(|_| ()), *line);
    }
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn lines_end_with_the_stream_and_long_ones_are_skipped() {
    check(b"", 10, &[]).await;
    check(b"a\nb", 10, &[Ok("a"), Ok("b")]).await;
    check(b"a\r\n\n", 10, &[Ok("a\r"), Ok("")]).await;
    let long = "x".repeat(100_000);
    check(format!("{long}\nshort\n").as_bytes(), 10, &[Err(()), Ok("short")]).await;
    check(format!("short\n{long}").as_bytes(), 10, &[Ok("short"), Err(())]).await;
}
