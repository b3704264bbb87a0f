//! Room for files among files: how many the node may have open, and whose are closed when there are more.
//!
//! A log keeps the file of its active segment open, so that an append is one system call. A process may have fewer
//! descriptors than a node has partitions that are written to: then the files of those that were used longest ago
//! are closed, and opened again with their next use. That happens in the background once files take their share of
//! what the process may open, and at once, on the thread that met it, where nothing can be opened any more.
//!
//! What stays true: closing needs no descriptor, writes nothing and waits for no partition, so that it may be done
//! by who holds one. Who opens a file may hold any lock but that of what is hosted.

use std::sync::Arc;

use crate::disk::NodeDisk;
use crate::open_files::Haste;
use crate::outside::{NodeHost, Outside};

/// This part of them goes at a time, so that not every opening has to look for one.
const RELEASE_SHARE: usize = 8;

/// From now on this node's partitions make room for each other's files.
pub fn make_room(outside: &Arc<Outside>, host: &Arc<NodeHost>, disk: &NodeDisk) {
    let (outside, host) = (Arc::downgrade(outside), Arc::downgrade(host));
    let files = disk.clone();
    let relief = move |haste| {
        let (Some(outside), Some(host)) = (outside.upgrade(), host.upgrade()) else {
            return;
        };
        match haste {
            Haste::Soon => {
                let disk = files.clone();
                outside.pool.run(move || {
                    let files = disk.files();
                    let most = files.begin_relief();
                    host.release_files(|| files.count() > most - most / RELEASE_SHARE);
                });
            }
            Haste::Now => {
                let count = files.files().count();
                let most = count - count.div_ceil(RELEASE_SHARE);
                host.release_files(|| files.files().count() > most);
            }
        }
    };
    disk.files().relieve_by(relief);
}

#[cfg(test)]
mod tests {
    use crate::fault_tests::Fixture;

    #[test]
    fn those_used_longest_ago_go_first() {
        let fixture = Fixture::new();
        for topic in ["a", "b", "c"] {
            assert_eq!(fixture.open(topic, 0), None);
            fixture.append(topic).unwrap();
        }
        let disk = fixture.node.disk();
        let keeps = |most| {
            let done = fixture.node.call(|node| {
                node.host.release_files(|| node.disk.files().count() > most);
                Ok(())
            });
            done.unwrap();
        };
        let read_needs_none = |topic: &str| {
            let before = disk.files().count();
            let read = fixture.node.ask(|host| host.read(topic, 0, 0, 1000, true));
            read.is_ok() && disk.files().count() == before
        };
        keeps(3);
        assert_eq!(disk.files().count(), 3, "enough is enough");
        assert_eq!(fixture.open("d", 0), None);
        fixture.append("d").unwrap();
        keeps(3);
        assert_eq!(disk.files().count(), 3);
        // All were looked at; now `a` is opened again and used, and `c` is used.
        fixture.append("a").unwrap();
        fixture.append("c").unwrap();
        keeps(2);
        assert!(read_needs_none("a") && read_needs_none("c"));
        assert!(!read_needs_none("b") && !read_needs_none("d"));
    }

    #[test]
    fn the_bound_is_kept_in_the_background() {
        let fixture = Fixture::new();
        let disk = fixture.node.disk();
        let names: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
        for name in &names {
            assert_eq!(fixture.open(name, 0), None);
        }
        disk.files().limit(8);
        for name in names.iter().chain(&names) {
            fixture.append(name).unwrap();
        }
        assert!(
            fixture
                .node
                .settle(std::time::Duration::from_secs(20))
                .unwrap()
        );
        assert!(disk.files().count() <= 8);
    }
}
