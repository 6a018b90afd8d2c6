use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn messages_come_out_in_their_order_and_the_end_after_the_last() {
    let (sender, mut receiver) = mailbox(2);
    assert_eq!((sender.try_send(1), sender.try_send(2), sender.try_send(3)), (Ok(()), Ok(()), Err(Refused::Full)));
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(sender.try_send(3), Ok(()));
    drop(sender);
    assert_eq!((receiver.recv().await, receiver.recv().await, receiver.recv().await), (Some(2), Some(3), None));
}

#[tokio::test]
async fn who_waits_is_woken_by_a_message_by_room_and_by_the_end() {
    let (sender, mut receiver) = mailbox(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for message in 0..1_000 {
            sender.send(message).await.unwrap();
        }
    });
    let mut read = Vec::new();
    while let Some(message) = soon(receiver.recv()).await {
        read.push(message);
    }
    assert_eq!(read, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn several_who_wait_for_room_all_get_it() {
    let (sender, mut receiver) = mailbox(1);
    let sender = Arc::new(sender);
    let mut tasks = JoinSet::new();
    for message in 0..8 {
        let sender = Arc::clone(&sender);
        tasks.spawn(async move { sender.send(message).await });
    }
    drop(sender);
    let mut read = Vec::new();
    while let Some(message) = soon(receiver.recv()).await {
        read.push(message);
        tokio::task::yield_now().await;
    }
    read.sort_unstable();
    assert_eq!(read, (0..8).collect::<Vec<_>>());
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn nobody_waits_for_a_reader_that_is_gone() {
    let (sender, receiver) = mailbox(1);
    sender.try_send(1).unwrap();
    let sender = Arc::new(sender);
    let mut tasks = JoinSet::new();
    let waits = Arc::clone(&sender);
    tasks.spawn(async move { waits.send(2).await });
    tokio::task::yield_now().await;
    drop(receiver);
    assert_eq!(soon(tasks.join_all()).await, [Err(Refused::Closed)]);
    assert_eq!(sender.try_send(3), Err(Refused::Closed));
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.unwrap()
}
