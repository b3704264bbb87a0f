//! What the hand-written readers and writers of Produce and Fetch rely on, held against the declared messages.
//!
//! A declaration is described as one line a field, in the order of the wire: path, kind, versions, and where
//! they apply nullable versions and tagged versions with the tag. Whoever changes a declaration changes these
//! lines, and then the code beside them.

use crate::plan::{Field, Kind, Plan, StructPlan, Versions};

pub const PRODUCE_REQUEST: &str = "\
versions 3-13 flexible 9-13
transactional_id string 3-13 nullable 3-13
acks int16 3-13
timeout_ms int32 3-13
topic_data []struct 3-13
topic_data.name string 3-12
topic_data.topic_id uuid 13-13
topic_data.partition_data []struct 3-13
topic_data.partition_data.index int32 3-13
topic_data.partition_data.records records 3-13 nullable 3-13
";

pub const PRODUCE_RESPONSE: &str = "\
versions 3-13 flexible 9-13
responses []struct 3-13
responses.name string 3-12
responses.topic_id uuid 13-13
responses.partition_responses []struct 3-13
responses.partition_responses.index int32 3-13
responses.partition_responses.error_code int16 3-13
responses.partition_responses.base_offset int64 3-13
responses.partition_responses.log_append_time_ms int64 3-13
responses.partition_responses.log_start_offset int64 5-13
responses.partition_responses.record_errors []struct 8-13
responses.partition_responses.record_errors.batch_index int32 8-13
responses.partition_responses.record_errors.batch_index_error_message string 8-13 nullable 8-13
responses.partition_responses.error_message string 8-13 nullable 8-13
responses.partition_responses.current_leader struct 10-13 tagged 10-13 as 0
responses.partition_responses.current_leader.leader_id int32 10-13
responses.partition_responses.current_leader.leader_epoch int32 10-13
throttle_time_ms int32 3-13
node_endpoints []struct 10-13 tagged 10-13 as 0
node_endpoints.node_id int32 10-13
node_endpoints.host string 10-13
node_endpoints.port int32 10-13
node_endpoints.rack string 10-13 nullable 10-13
";

pub const FETCH_REQUEST: &str = "\
versions 4-18 flexible 12-18
cluster_id string 12-18 nullable 12-18 tagged 12-18 as 0
replica_id int32 4-14
replica_state struct 15-18 tagged 15-18 as 1
replica_state.replica_id int32 15-18
replica_state.replica_epoch int64 15-18
max_wait_ms int32 4-18
min_bytes int32 4-18
max_bytes int32 4-18
isolation_level int8 4-18
session_id int32 7-18
session_epoch int32 7-18
topics []struct 4-18
topics.topic string 4-12
topics.topic_id uuid 13-18
topics.partitions []struct 4-18
topics.partitions.partition int32 4-18
topics.partitions.current_leader_epoch int32 9-18
topics.partitions.fetch_offset int64 4-18
topics.partitions.last_fetched_epoch int32 12-18
topics.partitions.log_start_offset int64 5-18
topics.partitions.partition_max_bytes int32 4-18
topics.partitions.replica_directory_id uuid 17-18 tagged 17-18 as 0
topics.partitions.high_watermark int64 18-18 tagged 18-18 as 1
forgotten_topics_data []struct 7-18
forgotten_topics_data.topic string 7-12
forgotten_topics_data.topic_id uuid 13-18
forgotten_topics_data.partitions []int32 7-18
rack_id string 11-18
";

pub const FETCH_RESPONSE: &str = "\
versions 4-18 flexible 12-18
throttle_time_ms int32 4-18
error_code int16 7-18
session_id int32 7-18
responses []struct 4-18
responses.topic string 4-12
responses.topic_id uuid 13-18
responses.partitions []struct 4-18
responses.partitions.partition_index int32 4-18
responses.partitions.error_code int16 4-18
responses.partitions.high_watermark int64 4-18
responses.partitions.last_stable_offset int64 4-18
responses.partitions.log_start_offset int64 5-18
responses.partitions.diverging_epoch struct 12-18 tagged 12-18 as 0
responses.partitions.diverging_epoch.epoch int32 12-18
responses.partitions.diverging_epoch.end_offset int64 12-18
responses.partitions.current_leader struct 12-18 tagged 12-18 as 1
responses.partitions.current_leader.leader_id int32 12-18
responses.partitions.current_leader.leader_epoch int32 12-18
responses.partitions.snapshot_id struct 12-18 tagged 12-18 as 2
responses.partitions.snapshot_id.end_offset int64 12-18
responses.partitions.snapshot_id.epoch int32 12-18
responses.partitions.aborted_transactions []struct 4-18 nullable 4-18
responses.partitions.aborted_transactions.producer_id int64 4-18
responses.partitions.aborted_transactions.first_offset int64 4-18
responses.partitions.preferred_read_replica int32 11-18
responses.partitions.records records 4-18 nullable 4-18
node_endpoints []struct 16-18 tagged 16-18 as 0
node_endpoints.node_id int32 16-18
node_endpoints.host string 16-18
node_endpoints.port int32 16-18
node_endpoints.rack string 16-18 nullable 16-18
";

/// The number that follows these words, which stand at the beginning of a line or behind a blank: a version that the code
/// beside goes by is said here and nowhere else. Without them nothing is built.
pub const fn version_after(layout: &str, words: &str) -> i16 {
    let (layout, words) = (layout.as_bytes(), words.as_bytes());
    let mut at = 0;
    loop {
        let mut same = 0;
        while same < words.len() && layout[at + same] == words[same] {
            same += 1;
        }
        let begins = at == 0 || layout[at - 1] == b'\n' || layout[at - 1] == b' ';
        if same == words.len() && begins {
            break;
        }
        at += 1;
    }
    at += words.len();
    let mut number = 0;
    while layout[at].is_ascii_digit() {
        number = number * 10 + (layout[at] - b'0') as i16;
        at += 1;
    }
    number
}

/// From which version on a request and its answer are flexible.
pub const fn first_flexible(request: &str, response: &str) -> i16 {
    let first = version_after(request, "flexible ");
    assert!(first == version_after(response, "flexible "));
    first
}

/// Compare a declaration with what the code here relies on; Err says where they part.
pub fn check<T>(message: &str, expected: &str, plan: &Plan<T>) -> Result<(), String> {
    let declared = describe(plan);
    let (mut expected, mut declared) = (expected.lines(), declared.lines());
    loop {
        match (expected.next(), declared.next()) {
            (None, None) => return Ok(()),
            (expected, declared) if expected == declared => {}
            (expected, declared) => {
                let show = |line: Option<&str>| line.unwrap_or("nothing more").to_owned();
                return Err(format!(
                    "{message} is declared as {:?} where the core was built for {:?}",
                    show(declared),
                    show(expected)
                ));
            }
        }
    }
}

fn describe<T>(plan: &Plan<T>) -> String {
    let mut out = String::from("versions ");
    put_range(&mut out, plan.versions);
    out.push_str(" flexible ");
    put_range(&mut out, within(plan.flexible, plan.versions));
    out.push('\n');
    describe_struct(&mut out, "", &plan.root, plan.versions);
    out
}

fn describe_struct<T>(out: &mut String, path: &str, plan: &StructPlan<T>, versions: Versions) {
    for field in &plan.fields {
        let lives = within(field.versions, versions);
        if lives.first > lives.last {
            continue;
        }
        let path = if path.is_empty() {
            field.name.clone()
        } else {
            format!("{path}.{}", field.name)
        };
        describe_field(out, &path, field, lives);
        if let Some(inner) = inner_struct(&field.kind) {
            describe_struct(out, &path, inner, lives);
        }
    }
}

fn describe_field<T>(out: &mut String, path: &str, field: &Field<T>, lives: Versions) {
    out.push_str(path);
    out.push(' ');
    put_kind(out, &field.kind);
    out.push(' ');
    put_range(out, lives);
    let nullable = within(field.nullable, lives);
    if nullable.first <= nullable.last {
        out.push_str(" nullable ");
        put_range(out, nullable);
    }
    let tagged = within(field.tagged, lives);
    if tagged.first <= tagged.last {
        out.push_str(" tagged ");
        put_range(out, tagged);
        out.push_str(&format!(" as {}", field.tag));
    }
    if field.never_flexible {
        out.push_str(" never flexible");
    }
    out.push('\n');
}

fn within(range: Versions, bounds: Versions) -> Versions {
    Versions {
        first: range.first.max(bounds.first),
        last: range.last.min(bounds.last),
    }
}

fn put_range(out: &mut String, range: Versions) {
    out.push_str(&format!("{}-{}", range.first, range.last));
}

fn inner_struct<T>(kind: &Kind<T>) -> Option<&StructPlan<T>> {
    match kind {
        Kind::Struct(plan) => Some(plan),
        Kind::Array(kind) => inner_struct(kind),
        _ => None,
    }
}

fn put_kind<T>(out: &mut String, kind: &Kind<T>) {
    out.push_str(match kind {
        Kind::Bool => "bool",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Uint16 => "uint16",
        Kind::Int32 => "int32",
        Kind::Uint32 => "uint32",
        Kind::Int64 => "int64",
        Kind::Float64 => "float64",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Records => "records",
        Kind::Uuid => "uuid",
        Kind::Struct(_) => "struct",
        Kind::Array(kind) => {
            out.push_str("[]");
            return put_kind(out, kind);
        }
    });
}
