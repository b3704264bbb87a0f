//! What is said of a partition that does not do what it is asked to.

use super::cell::{Cell, Standing};
use crate::code::Code;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::hot::Produced;
use crate::partition::Waiter;

pub(super) fn unknown(topic: &str, index: i32) -> CoreError {
    let text = format!("{topic}-{index} is not hosted here");
    CoreError::new("unknown-partition", text)
}

/// Why a partition is not asked.
pub(super) fn refusal<D: Disk, W: Waiter>(cell: &Cell<D, W>) -> Option<CoreError> {
    let (topic, index) = (&cell.topic, cell.index);
    match cell.standing() {
        Standing::Offline => Some(CoreError::new(
            "offline",
            format!("{topic}-{index} is offline"),
        )),
        Standing::Opening => {
            let text = format!("{topic}-{index} is being opened");
            Some(CoreError::new("not-leader", text))
        }
        Standing::Gone => Some(unknown(topic, index)),
        Standing::Serving | Standing::Faltering => None,
    }
}

/// Why nothing was appended.
pub(super) fn not_taken(topic: &str, index: i32, refused: Produced) -> CoreError {
    let code = refused.error_code;
    let why = match refused.error_message {
        Some(text) => text,
        None if code == Code::NotEnoughReplicas => "too few replicas are in sync".to_owned(),
        None => format!("error {}", code.code()),
    };
    let kind = match code {
        Code::KafkaStorageError => "storage",
        Code::NotLeaderOrFollower => "not-leader",
        _ => "refused",
    };
    CoreError {
        error_code: code.code(),
        ..CoreError::new(kind, format!("{topic}-{index}: {why}"))
    }
}
