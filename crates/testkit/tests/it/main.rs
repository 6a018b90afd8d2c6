//! The fixtures against each other and against clients and servers by others.

mod misbehaviour;
mod peers;
mod protocol;
mod world;
