use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::*;

#[test]
fn a_line_that_nobody_waits_for_any_more_is_written_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut command = Command::new("sh");
        let command = command.args(["-c", "sleep 0.4; cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let pipe = Pipe::new(child.stdin.take().unwrap());
        let long = vec![b'x'; 1 << 20];
        let moment = Duration::from_millis(50);
        assert!(tokio::time::timeout(moment, pipe.write(&long)).await.is_err(), "more than a pipe holds");
        let unwritten = tokio::time::timeout(moment, pipe.write(b"never its turn")).await;
        assert!(unwritten.is_err(), "it waits for the first");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (written, first) = tokio::join!(pipe.write(b"second"), lines.next_line());
        written.unwrap();
        let first = first.unwrap().unwrap();
        assert_eq!((first.len(), first.trim_matches('x')), (1 << 20, ""));
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "second");
    });
}

#[test]
fn a_message_is_one_line() {
    assert_eq!(one_line(b"{\r\n\"a\":\n1}"), b"{  \"a\": 1}\n");
}
