//! How long whoever decides looks out for the next thing, awake, before it sleeps.
//!
//! To sleep and to be woken takes as long as to decide a small request. So while one thing comes soon after the other,
//! as from a client whose next request depends on the last answer, the next one is looked out for. Once nothing has come
//! in that moment it is slept again, until things come so again; what comes now and then is paid for as ever.

use std::time::Duration;

/// What comes within this time comes soon.
const SOON: Duration = Duration::from_micros(250);
/// So many things have to come soon, one after the other, for the next one to be looked out for.
const SOON_IN_A_ROW: u32 = 4;

/// What came lately.
#[derive(Debug, Default)]
pub struct Lookout {
    /// How many things came soon, in a row.
    soon: u32,
}

impl Lookout {
    /// For how long the next one is looked out for.
    pub fn patience(&self) -> Duration {
        if self.soon < SOON_IN_A_ROW {
            Duration::ZERO
        } else {
            SOON
        }
    }

    /// A wait is over: whether it brought anything. One that was ended at once for something else tells nothing.
    pub fn waited(&mut self, time: Duration, brought: bool) {
        if time >= SOON {
            self.soon = 0;
        } else if brought {
            self.soon = self.soon.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that rests would take a processor for itself, or a busy one sleep between any two requests.
    #[test]
    fn only_what_comes_soon_again_and_again_is_looked_out_for() {
        for (time, brought) in [(SOON, true), (SOON * 100, true), (SOON, false)] {
            let mut lookout = Lookout::default();
            for _ in 0..SOON_IN_A_ROW {
                assert_eq!(lookout.patience(), Duration::ZERO);
                lookout.waited(SOON / 2, true);
                lookout.waited(Duration::ZERO, false); // somebody else wanted a turn
            }
            assert_eq!(lookout.patience(), SOON);
            lookout.waited(SOON / 2, true);
            assert_eq!(lookout.patience(), SOON);
            lookout.waited(time, brought);
            assert_eq!(lookout.patience(), Duration::ZERO, "{time:?} {brought}");
        }
    }
}
