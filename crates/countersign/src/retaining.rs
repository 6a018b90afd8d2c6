//! Texts of calls that are kept no longer: which ones, the record of it, and seeing that they go.

use std::sync::Arc;
use std::time::Duration;

use engine::Change;
use model::{Blame, CallId, Fault, UnixMicros};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trace::{Due, ERASING_KEY, LogReader as _, Retention, SETTLED_KIND, gap_before, rfc3339};

use crate::gateway::Gateway;

/// What would go if texts were kept for so long.
pub async fn due(gateway: &Arc<Gateway>, keep: Duration) -> Result<Value, Fault> {
    let (due, before) = found(gateway, keep).await?;
    Ok(told(due.as_ref(), before))
}

/// Lets them go: on record first, then step by step. Waits a while for the end of it.
pub async fn let_go(gateway: &Arc<Gateway>, keep: Duration, by: &str) -> Result<Value, Fault> {
    let _one_after_the_other = TURN.lock().await;
    let (due, before) = found(gateway, keep).await?;
    let mut said = told(due.as_ref(), before);
    let Some(due) = due.filter(|due| due.records() > 0) else { return Ok(said) };
    let change = Change {
        by: by.to_owned(),
        what: "trace.retain".to_owned(),
        subject: "gateway".to_owned(),
        human: None,
        detail: said.clone(),
        state: vec![due.state(before)],
    };
    let durable = gateway.engine.change(change).await?;
    let finished = see_it_through(gateway, WAITED_MAX).await?;
    if let Some(said) = said.as_object_mut() {
        said.insert("done".to_owned(), "trace.retain".into());
        said.insert("record".to_owned(), durable.call().as_str().into());
        said.insert("finished".to_owned(), finished.into());
    }
    Ok(said)
}

/// Goes on with what was broken off, and lets texts go once a day where the configuration says how long they are kept: what goes is
/// gone, so on no day on which the clock may be ahead.
pub async fn keep_on(gateway: Arc<Gateway>, stop: CancellationToken) {
    let work = async {
        loop {
            let keep = gateway.config.load().keep_bodies;
            if let Some(keep) = keep
                && let Err(fault) = let_go_where_the_clock_is_sure(&gateway, keep).await
            {
                tell(&fault);
            }
            let mut was_left = false;
            for _look in 0..LOOKS_A_DAY {
                if let Err(fault) = see_it_through(&gateway, Duration::MAX).await {
                    tell(&fault);
                }
                let left = is_left_of_an_erasure(&gateway).await.unwrap_or(was_left);
                if left && was_left {
                    tracing::warn!(
                        "an erasure has not come to its end: somebody reads the trace or its database at length, keeps others \
                         from writing to it, or owns its tables in place of the gateway's user"
                    );
                }
                was_left = left;
                tokio::time::sleep(GO_ON_EVERY).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn let_go_where_the_clock_is_sure(gateway: &Arc<Gateway>, keep: Duration) -> Result<(), Fault> {
    let (trace, now) = (gateway.trace().clone(), gateway.engine.clock().now());
    let gap = on_a_thread(move || gap_before(&trace.reader().map_err(Fault::from)?, now).map_err(Fault::from));
    if let Some(before) = gap.await? {
        tracing::warn!(
            now = rfc3339(now),
            before = rfc3339(before),
            hint = "set the clock if it is ahead; if it is right, texts go once the gateway has run for a day, or now with `countersign trace retain`",
            "no gateway ran for long, or the clock is ahead: no texts are let go today"
        );
        return Ok(());
    }
    let said = let_go(gateway, keep, "gateway").await?;
    if said.get("done").is_some() {
        let number = |name: &str| said.get(name).and_then(Value::as_u64);
        tracing::info!(records = number("records"), "texts that are kept no longer were let go");
    }
    Ok(())
}

fn tell(fault: &Fault) {
    tracing::warn!(%fault, hint = fault.way_out(), "what was to be erased or let go is still there; it is tried again");
}

/// Whether an erasure has not come to its end: its keys, or copies of them, may still be there.
async fn is_left_of_an_erasure(gateway: &Arc<Gateway>) -> Result<bool, Fault> {
    let trace = gateway.trace().clone();
    let state = on_a_thread(move || {
        let reader = trace.reader().map_err(Fault::from)?;
        reader.state(SETTLED_KIND).map_err(Fault::from)
    });
    Ok(state.await?.iter().any(|(key, _)| key == ERASING_KEY))
}

/// What may go, and from before when. Budgets read what they look back on, and what waits for people stays whole.
async fn found(gateway: &Arc<Gateway>, keep: Duration) -> Result<(Option<Due>, UnixMicros), Fault> {
    let keep = keep.max(gateway.engine.look_back().unwrap_or_default());
    let micros = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let before = UnixMicros(gateway.engine.clock().now().0.saturating_sub(micros));
    let needed: Vec<CallId> = gateway.engine.holds().iter().map(|waiting| waiting.hold.asked.call.clone()).collect();
    let trace = gateway.trace().clone();
    let due = on_a_thread(move || Due::of(&trace.reader().map_err(Fault::from)?, before, &needed).map_err(Fault::from));
    Ok((due.await?, before))
}

/// Has the steps taken until all is done, or for so long. Whether it is.
async fn see_it_through(gateway: &Arc<Gateway>, most: Duration) -> Result<bool, Fault> {
    let (engine, stop) = (gateway.engine.clone(), CancellationToken::new());
    let (ended, _stop) = (stop.clone(), stop.drop_guard());
    let steps = on_a_thread(move || engine.let_go_blocking(|| !ended.is_cancelled()));
    let seen = async {
        steps.await?;
        // A store that takes the steps by itself says how far it is.
        loop {
            let trace = gateway.trace().clone();
            let far = on_a_thread(move || Retention::of(&trace.reader().map_err(Fault::from)?).map_err(Fault::from));
            if far.await?.is_none_or(|retention| retention.finished) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    };
    tokio::time::timeout(most, seen).await.unwrap_or(Ok(false))
}

fn told(due: Option<&Due>, before: UnixMicros) -> Value {
    let held_back = due.is_some_and(|due| due.held_back);
    let Some(due) = due.filter(|due| due.records() > 0) else {
        return json!({ "before": rfc3339(before), "records": 0, "held_back": held_back });
    };
    json!({
        "before": rfc3339(before),
        "records": due.records(),
        "first": { "sequence": due.from, "time": rfc3339(due.times.0) },
        "last": { "sequence": due.to - 1, "time": rfc3339(due.times.1) },
        "held_back": due.held_back,
    })
}

/// What waits for the disk must not keep the threads that carry calls.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Fault::new(Blame::Bug, "bug.retaining", "the texts could not be let go").because(error))
    })
}

/// Which texts go is found out and put on record by one at a time.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// Somebody waits at a terminal.
const WAITED_MAX: Duration = Duration::from_secs(20);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// What somebody was in the way of: whoever reads the trace for a backup, say.
const GO_ON_EVERY: Duration = Duration::from_secs(10 * 60);
const LOOKS_A_DAY: u32 = 24 * 6;
