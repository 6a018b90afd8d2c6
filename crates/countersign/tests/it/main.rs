//! The product from outside: the real binary in a world of its own, official and hand-written clients before it, real
//! and misbehaving servers behind it.

mod aarm;
mod actors;
mod apps;
mod cli;
mod console;
mod contracts;
mod database;
mod decisions;
mod defence;
mod durability;
mod eras;
mod erasure;
mod exports;
mod holds;
mod isolation;
mod joining;
mod keeping;
mod kit;
mod levels;
mod matrix;
mod offers;
mod people;
mod proof;
mod questions;
mod retaining;
mod rules;
mod sdk;
mod secrets;
mod spec;
mod streams;
mod upstreams;
mod vendors;
mod waits;
mod walk;
mod witness;
