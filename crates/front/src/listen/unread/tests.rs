use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn what_nobody_reads_ends_the_connection() {
    let (ours, theirs) = tokio::io::duplex(16);
    let mut ours = Unread::new(ours, SOON);
    let error = ours.write_all(&[7; 17]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(theirs);
}

#[tokio::test]
async fn who_reads_a_little_at_a_time_gets_it_all() {
    let (ours, mut theirs) = tokio::io::duplex(16);
    let mut ours = Unread::new(ours, Duration::from_secs(60));
    let writes = async {
        ours.write_all(&[7; 1_000]).await.unwrap();
        assert!(ours.waits.is_none(), "nothing waits any more");
        ours.shutdown().await.unwrap();
    };
    let reads = async {
        let mut all = Vec::new();
        let mut some = [0; 3];
        loop {
            match theirs.read(&mut some).await.unwrap() {
                0 => break all,
                read => all.extend_from_slice(&some[..read]),
            }
            tokio::task::yield_now().await;
        }
    };
    let ((), all) = tokio::join!(writes, reads);
    assert_eq!(all.len(), 1_000);
}
