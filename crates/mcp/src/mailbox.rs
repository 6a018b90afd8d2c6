//! Messages on their way from whoever works on a call to the one who carries its response.
//!
//! Like a bounded channel of tokio, but without room set aside before the first message: nearly every call has none, and ten
//! thousand of them may wait for people at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

/// Where messages are put in.
pub struct Sender<T>(Arc<Mailbox<T>>);

/// Where they come out, in the same order.
pub struct Receiver<T>(Arc<Mailbox<T>>);

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may.
    Full,
    /// Nobody reads any more.
    Closed,
}

struct Mailbox<T> {
    most: usize,
    inside: Mutex<Inside<T>>,
    /// Somebody has taken a message, or reads no more.
    room: Notify,
}

struct Inside<T> {
    messages: VecDeque<T>,
    reader: Option<Waker>,
    /// One of the two ends is gone.
    closed: bool,
}

/// A mailbox for at most so many messages.
pub fn mailbox<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let inside = Mutex::new(Inside { messages: VecDeque::new(), reader: None, closed: false });
    let shared = Arc::new(Mailbox { most, inside, room: Notify::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

// === impl Mailbox ===

impl<T> Mailbox<T> {
    fn inside(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sender ===

impl<T> Sender<T> {
    /// Puts a message in where there is room now.
    pub fn try_send(&self, message: T) -> Result<(), Refused> {
        self.put(message).map_err(|(refused, _)| refused)
    }

    /// Puts a message in as soon as there is room. Error: nobody reads any more.
    pub async fn send(&self, message: T) -> Result<(), Refused> {
        let mut message = message;
        loop {
            let room = self.0.room.notified();
            match self.put(message) {
                Ok(()) => return Ok(()),
                Err((Refused::Full, back)) => message = back,
                Err((closed, _)) => return Err(closed),
            }
            room.await;
        }
    }

    fn put(&self, message: T) -> Result<(), (Refused, T)> {
        let mut inside = self.0.inside();
        if inside.closed {
            return Err((Refused::Closed, message));
        }
        if inside.messages.len() >= self.0.most {
            return Err((Refused::Full, message));
        }
        inside.messages.push_back(message);
        let reader = inside.reader.take();
        drop(inside);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.closed = true;
        let reader = inside.reader.take();
        drop(inside);
        reader.into_iter().for_each(Waker::wake);
    }
}

// === impl Receiver ===

impl<T> Receiver<T> {
    /// The next message, if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        let message = self.0.inside().messages.pop_front();
        if message.is_some() {
            self.0.room.notify_one();
        }
        message
    }

    /// Waits for the next message. None: there will be none. To give up waiting loses nothing.
    pub async fn recv(&mut self) -> Option<T> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// The same, for who polls.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inside = self.0.inside();
        if let Some(message) = inside.messages.pop_front() {
            drop(inside);
            self.0.room.notify_one();
            return Poll::Ready(Some(message));
        }
        if inside.closed {
            return Poll::Ready(None);
        }
        if !inside.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            inside.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.closed = true;
        let unread = std::mem::take(&mut inside.messages);
        drop((inside, unread));
        self.0.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
