use std::sync::atomic::{AtomicI64, AtomicUsize};

use super::*;

/// A clock that goes on only while an app is waited for.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::Relaxed))
    }
}

impl Hands {
    fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("short"), Ordering::Relaxed);
    }
}

/// An app that is connected and never answers.
#[derive(Default)]
struct Silent {
    clock: Hands,
    kept: Kept<u32>,
    asked: AtomicUsize,
}

impl Silent {
    async fn list(&self) -> Result<Arc<Said<u32>>, Fault> {
        let ask = async || {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let answer = tokio::time::timeout(Duration::from_millis(50), std::future::pending()).await;
            self.clock.turn(TIME_MAX);
            answer.map_err(|_| Fault::new(Blame::Upstream, "upstream.slow", "it is silent").hint("wake it").retryable())
        };
        self.kept.get(&self.clock, AGE_MAX, ask).await
    }

    async fn answers(&self, what: u32) -> Result<u32, Fault> {
        self.kept.get(&self.clock, AGE_MAX, async || Ok(what)).await.map(|said| said.what)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn all_who_wait_for_a_silent_app_wait_once() {
    let app = Silent::default();
    let (one, two, three) = tokio::join!(app.list(), app.list(), app.list());
    for said in [one, two, three] {
        let fault = said.map(|said| said.what).expect_err("it said nothing");
        assert_eq!((fault.blame(), fault.code()), (Blame::Upstream, "upstream.slow"));
        assert_eq!((fault.to_string().as_str(), fault.way_out()), ("it is silent", Some("wake it")));
        assert!(fault.may_retry());
    }
    assert_eq!(app.asked(), 1);
}

#[tokio::test]
async fn a_silent_app_is_left_alone_for_as_long_as_it_took() {
    let app = Silent::default();
    assert!(app.list().await.is_err());
    app.clock.turn(TIME_MAX - Duration::from_millis(1));
    assert!(app.list().await.is_err());
    assert!(app.answers(1).await.is_err());
    assert_eq!(app.asked(), 1);
    app.clock.turn(Duration::from_millis(1));
    assert!(app.list().await.is_err());
    assert_eq!(app.asked(), 2);
    app.clock.turn(TIME_MAX);
    assert_eq!(app.answers(2).await.unwrap(), 2);
}

#[tokio::test]
async fn what_was_forgotten_is_asked_at_once() {
    let app = Silent::default();
    assert!(app.list().await.is_err());
    app.kept.forget();
    assert_eq!(app.answers(1).await.unwrap(), 1);
    // Who came after it was forgotten does not take the answer of those before, and they together ask once more.
    app.kept.forget();
    let later = async || {
        tokio::task::yield_now().await;
        app.kept.forget();
        let (two, three) = tokio::join!(app.list(), app.list());
        (two.is_err(), three.is_err())
    };
    let (one, (two, three)) = tokio::join!(app.list(), later());
    assert!(one.is_err() && two && three);
    assert_eq!(app.asked(), 3);
}

#[tokio::test]
async fn what_it_said_last_stands_for_all_who_wait() {
    let app = Silent::default();
    assert_eq!(app.answers(1).await.unwrap(), 1);
    app.clock.turn(AGE_MAX + Duration::from_secs(1));
    let (one, two) = tokio::join!(app.list(), app.list());
    assert_eq!((one.unwrap().what, two.unwrap().what), (1, 1));
    assert_eq!(app.list().await.unwrap().what, 1);
    assert_eq!(app.asked(), 1);
}

#[tokio::test]
async fn what_somebody_took_for_old_stands_while_it_cannot_be_asked_again() {
    let app = Silent::default();
    assert_eq!(app.answers(1).await.unwrap(), 1);
    let seen = app.kept.unforgotten().unwrap();
    app.kept.outdate(&seen, &app.clock, Duration::from_secs(2));
    assert_eq!(app.answers(2).await.unwrap(), 1, "it is very young");
    app.clock.turn(Duration::from_secs(3));
    app.kept.outdate(&seen, &app.clock, Duration::from_secs(2));
    assert_eq!((app.list().await.unwrap().what, app.asked()), (1, 1));
    app.clock.turn(TIME_MAX);
    assert_eq!(app.answers(3).await.unwrap(), 3);
}

#[tokio::test]
async fn a_failure_that_took_no_time_costs_the_next_nothing() {
    let app = Silent::default();
    let fault = app.kept.get(&app.clock, AGE_MAX, async || Err(Fault::new(Blame::Upstream, "upstream.no", "no"))).await;
    assert!(fault.is_err());
    assert_eq!(app.answers(1).await.unwrap(), 1);
}

const TIME_MAX: Duration = Duration::from_secs(20);
const AGE_MAX: Duration = Duration::from_secs(60);
