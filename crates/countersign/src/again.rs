//! A thread that does something again and again, and once more when it is closed.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread; it ends when this is closed or dropped.
pub struct Again {
    end: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// Which time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// One of many.
    OneOfMany,
    /// The last one.
    Last,
}

impl Again {
    /// Starts a thread of this name. Error: the system gives none.
    pub fn start(name: &str, every: Duration, mut work: impl FnMut(Time) + Send + 'static) -> std::io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let run = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                work(Time::OneOfMany);
            }
            work(Time::Last);
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { end: Mutex::new(Some((end, thread))) })
    }

    /// Where there is nothing to do.
    pub fn never() -> Self {
        Self { end: Mutex::new(None) }
    }

    /// Has it done a last time, and waits for that. Blocks.
    pub fn close(&self) {
        let taken = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((end, thread)) = taken {
            drop(end);
            let _ended = thread.join();
        }
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        self.close();
    }
}
