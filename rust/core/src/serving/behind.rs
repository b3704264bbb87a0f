//! What a request that waits has to do with those that its peer sent behind it.
//!
//! Replies go out in the order of their requests. So a Fetch that waits for records keeps all waiting that stands behind
//! it: its client waits longer for an answer that could be there than for records that may never come. Only the first
//! frame behind it is looked at, and only when it is whole: a Fetch behind a Fetch has its turn after it, and may be let
//! go then.

use super::FETCH;
use crate::connection::{Inbox, api_key};

/// Whether a Fetch that waits is answered at once, with what there is, since its peer asks for something else behind it.
pub fn is_let_go(behind: &Inbox, size_max: usize) -> bool {
    let Ok(Some(frame)) = behind.next_frame(size_max) else {
        return false;
    };
    api_key(behind.frame(&frame)).is_some_and(|key| key != FETCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::PRODUCE;

    const SIZE_MAX: usize = 100;

    fn is_let_go_by(bytes: &[&[u8]]) -> bool {
        let bytes = bytes.concat();
        let mut inbox = Inbox::default();
        inbox.make_room(bytes.len());
        inbox.receive_buffer().extend_from_slice(&bytes);
        inbox.received();
        is_let_go(&inbox, SIZE_MAX)
    }

    fn frame(key: i16) -> Vec<u8> {
        [&8_i32.to_be_bytes()[..], &key.to_be_bytes(), &[0; 6]].concat()
    }

    /// A client's question would wait as long as its Fetch; or a client with two Fetches under way would be answered as
    /// fast as it asks, for nothing; or a frame that says nothing would be read past its end.
    #[test]
    fn what_is_whole_and_no_fetch_lets_go() {
        let (fetch, metadata) = (frame(FETCH), frame(3));
        assert!(is_let_go_by(&[&metadata]) && is_let_go_by(&[&frame(PRODUCE)]));
        assert!(is_let_go_by(&[&metadata, &fetch]));
        assert!(!is_let_go_by(&[]) && !is_let_go_by(&[&fetch]));
        assert!(!is_let_go_by(&[&fetch, &metadata]), "it has its turn");
        assert!(!is_let_go_by(&[&metadata[..11]]), "it is not whole");
        assert!(!is_let_go_by(&[&[0; 4]]) && !is_let_go_by(&[&[0, 0, 0, 1, 3]]));
        assert!(!is_let_go_by(&[&[0, 0, 1, 0]]) && !is_let_go_by(&[&[0xff; 4]]));
    }
}
