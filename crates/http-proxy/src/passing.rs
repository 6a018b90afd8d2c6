//! From the engine to the vendor's connection: pieces of an answer, a few at a time, so that whoever reads slowly slows the app
//! down and fills no memory.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use engine::{Taker, TakerFuture};
use front::BrokenOff;
use hyper::body::Frame;
use model::CallId;
use tokio::sync::{mpsc, oneshot};

/// The engine's end.
pub(crate) struct Passing {
    begins: Mutex<Option<oneshot::Sender<Begun>>>,
    pieces: mpsc::Sender<Piece>,
}

/// The vendor's end: the body of the response.
pub(crate) struct Passed {
    pieces: mpsc::Receiver<Piece>,
    over: bool,
}

/// An answer has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) call: CallId,
    /// Its length, where all of it is there.
    pub(crate) whole: Option<usize>,
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// Both ends, and word of when an answer begins.
pub(crate) fn passing() -> (Passing, oneshot::Receiver<Begun>, Passed) {
    let (begins, begun) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    (Passing { begins: Mutex::new(Some(begins)), pieces: sender }, begun, Passed { pieces, over: false })
}

impl Passing {
    async fn hand(&self, piece: Piece) -> bool {
        self.pieces.send(piece).await.is_ok()
    }
}

impl Taker for Passing {
    fn begins(&self, call: &CallId, whole: Option<usize>) {
        if let Some(begins) = self.begins.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whoever went away is found out by the first piece.
            let _ = begins.send(Begun { call: call.clone(), whole });
        }
    }

    fn takes(&self, piece: Bytes) -> TakerFuture<'_> {
        Box::pin(self.hand(Piece::Bytes(piece)))
    }

    fn ends(&self) -> TakerFuture<'_> {
        Box::pin(self.hand(Piece::End))
    }
}

impl hyper::body::Body for Passed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.over {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Piece::Bytes(piece))) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Poll::Ready(Some(Piece::End)) => {
                self.over = true;
                Poll::Ready(None)
            }
            // Nobody said that this was all.
            Poll::Ready(None) => {
                self.over = true;
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}

const PIECES_MAX: usize = 4;
