//! What of a file's source info says in which order its author told things.
//!
//! A descriptor keeps messages, enums and extensions in lists apart; where each begins in the text
//! tells how they were mixed. All other places, and the comments, are let go: they are most of the
//! bytes of a descriptor.

use prost_types::{FileDescriptorProto, SourceCodeInfo};

/// Field numbers of a file's and of a message's lists.
const FILE_LISTS: [i32; 3] = [4, 5, 7];
const MESSAGE_LISTS: [i32; 3] = [3, 4, 6];

/// Keep of the source info where messages, enums and extensions begin.
pub(crate) fn keep_order_only(file: &mut FileDescriptorProto) {
    let Some(info) = file.source_code_info.take() else {
        return;
    };
    let location = info
        .location
        .into_iter()
        .filter(|place| is_of_a_list(&place.path))
        .map(|mut place| {
            place.span.truncate(2);
            place.leading_comments = None;
            place.trailing_comments = None;
            place.leading_detached_comments.clear();
            place
        })
        .collect();
    file.source_code_info = Some(SourceCodeInfo { location });
}

/// Whether a path leads to one entry of a list whose order counts.
fn is_of_a_list(path: &[i32]) -> bool {
    let mut steps = path.chunks(2).enumerate();
    !path.is_empty()
        && path.len().is_multiple_of(2)
        && steps.all(|(depth, step)| {
            let lists = if depth == 0 {
                FILE_LISTS
            } else {
                MESSAGE_LISTS
            };
            lists.contains(&step[0])
        })
}
