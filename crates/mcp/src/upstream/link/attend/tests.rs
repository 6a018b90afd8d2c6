use super::*;

#[tokio::test]
async fn it_ends_with_the_link() {
    for by in [0, 1] {
        let (want, by) = watch::channel(by);
        let ear = Ear::new(|_| {});
        let wanted = Wanted { by, ready: Arc::new(watch::channel(false).0) };
        let attending = Link::attend(Weak::new(), ear.clone(), wanted);
        ear.lose();
        tokio::time::timeout(Duration::from_secs(10), attending).await.unwrap();
        drop(want);
    }
}
