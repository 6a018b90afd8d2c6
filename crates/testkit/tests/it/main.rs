//! The fixtures against each other and against clients and servers by others.

mod exact;
mod misbehaviour;
mod peers;
mod programs;
mod protocol;
mod world;
