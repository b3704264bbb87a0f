//! The one place where Produce and Fetch come to a partition: whether their principal may, then whether it is there.
//!
//! Permission comes before existence: a name that is not allowed is refused alike whether it is a topic's or not. Ids
//! are no secret: one that is no topic's is refused as such, whoever asks. A replica's right is one on the cluster.

use std::sync::Arc;

use crate::code::Code;
use crate::disk::Disk;
use crate::hosting::{Cell, Host, Operation, Verdict};
use crate::partition::Waiter;

/// A topic as a request names it.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    Name(&'a str),
    Id(&'a [u8; 16]),
}

/// Why a request does not come to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Refused(Code),
    /// Nobody knows yet whether it may: to be asked again.
    Unknown,
}

/// The partition that a request of `principal` names, if it may do that with its topic.
pub(super) fn permitted<D: Disk, W: Waiter>(
    host: &Host<D, W>,
    principal: &str,
    operation: Operation,
    topic: Named<'_>,
    index: i32,
) -> Result<Arc<Cell<D, W>>, Kept> {
    let found = {
        let hosted = host.hosted();
        match topic {
            Named::Name(name) => hosted.find(name, index).cloned(),
            Named::Id(id) => hosted.find_by_id(id, index).cloned(),
        }
    };
    // The table is not held while somebody is asked.
    let ask = |name: &str| host.around.verdict(principal, operation, name);
    let verdict = match (topic, &found) {
        (Named::Name(name), _) => ask(name),
        (Named::Id(_), Ok(cell)) => ask(&cell.topic),
        (Named::Id(id), Err(_)) => {
            let name = host.hosted().name_of(id).cloned();
            match name {
                Some(name) => ask(&name),
                None if operation == Operation::ClusterAction => ask(""),
                None => Verdict::Allowed,
            }
        }
    };
    match verdict {
        Verdict::Allowed => found.map_err(Kept::Refused),
        Verdict::Denied => Err(Kept::Refused(Code::TopicAuthorizationFailed)),
        Verdict::Ask => Err(Kept::Unknown),
    }
}
