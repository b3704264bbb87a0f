//! Which requests the node takes: the table is the core's, which every driver looks up in.

pub use ottla_core::serving::{Api, Apis, FETCH, PRODUCE};
