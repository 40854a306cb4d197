//! Black-box tests: the program is started as its users start it, and asked over HTTP.
//!
//! `bundle` makes what uploaders send, `site` runs the program, `stores` says over which queue and database. The rest
//! is one module for each promise: `contract` for Pacifica's, `pacifica` for its services behind the gate, `spool`,
//! `durability`, `live`, `load`, `hostile`, `retention`, `plugins`, `capabilities`, `console`, `described`, `swap`, `uploader`,
//! `authoring`, `events` and `fuzz` for our own.

mod authoring;
mod bundle;
mod capabilities;
mod console;
mod contract;
mod described;
mod durability;
mod events;
mod fuzz;
mod hostile;
mod live;
mod load;
mod operations;
mod pacifica;
mod plugins;
mod postgres;
mod receiver;
mod redis;
mod retention;
mod site;
mod spool;
mod stores;
mod swap;
mod test_data;
mod tls;
mod tools;
mod uploader;
mod wait;
