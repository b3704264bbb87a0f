//! A move that is slowed down.

use super::*;

/// If this failed, what the leader epochs were would be lost where their records are gone, and the throttle be one in name;
/// or whoever takes a throttled move back, or lets it go faster, would wait for hours.
#[test]
fn epochs_come_along_and_the_rate_is_kept() {
    let (mut world, node) = filled(1);
    let before = node.latest_epoch_end();
    node.host.limit_moves(100);
    move_and_write(&mut world, &node);
    assert_eq!(node.latest_epoch_end(), before);
    let pauses = node.around.pauses.lock().unwrap();
    let all: Duration = pauses.iter().sum();
    assert!(all > Duration::from_secs(10), "{pauses:?}");
    assert!(
        pauses.iter().max() <= Some(&Duration::from_secs(1)),
        "{pauses:?}"
    );
}
