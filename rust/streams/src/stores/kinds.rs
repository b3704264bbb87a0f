//! Stores that only joins and suppress have, as they ask for them.
//!
//! A node's row names a store of the kind that it needs; that it is one was seen when the plan was made.

use crate::plan::TopicId;
use crate::stores::Store;
use crate::stores::grace_buffer::GraceBuffer;
use crate::stores::outer_join::OuterStore;
use crate::stores::subscriptions::Subscriptions;
use crate::stores::suppress_buffer::SuppressBuffer;
use crate::stores::versioned::VersionedStore;

pub type Suppressed = SuppressBuffer<Option<TopicId>>;
pub type Grace = GraceBuffer<Option<TopicId>>;

const WRONG_KIND: &str = "the plan gives an operator a store of another kind";

impl Store {
    pub(crate) fn versioned(&mut self) -> &mut VersionedStore {
        match self {
            Self::Versioned(store) => store,
            _ => unreachable!("{WRONG_KIND}"),
        }
    }

    pub(crate) fn suppressed(&mut self) -> &mut Suppressed {
        match self {
            Self::Suppressed(store) => store,
            _ => unreachable!("{WRONG_KIND}"),
        }
    }

    pub(crate) fn grace(&mut self) -> &mut Grace {
        match self {
            Self::Grace(store) => store,
            _ => unreachable!("{WRONG_KIND}"),
        }
    }

    pub(crate) fn outer(&mut self) -> &mut OuterStore {
        match self {
            Self::Outer(store) => store,
            _ => unreachable!("{WRONG_KIND}"),
        }
    }

    pub(crate) fn subscriptions(&mut self) -> &mut Subscriptions {
        match self {
            Self::Subscriptions(store) => store,
            _ => unreachable!("{WRONG_KIND}"),
        }
    }
}
