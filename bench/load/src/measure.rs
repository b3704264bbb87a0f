//! What a run cost: time, and the CPU and memory of the server and of this process, from /proc.

use std::fmt::Write;
use std::time::Instant;

/// User and system CPU seconds of a process so far, in steps of 10 ms; zeros if it is unknown.
fn cpu(pid: &str) -> (f64, f64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = match text.rfind(')') {
        Some(end) => text[end + 1..].split_whitespace().collect(),
        None => return (0.0, 0.0),
    };
    let seconds = |i: usize| {
        fields
            .get(i)
            .and_then(|v| v.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 100.0
    };
    (seconds(11), seconds(12))
}

fn memory_mib(pid: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(key)).unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|v| v.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

/// Measures from its start until it is asked.
pub struct Meter {
    pid: String,
    server: (f64, f64),
    client: (f64, f64),
    since: Instant,
}

impl Meter {
    pub fn start(pid: &str) -> Meter {
        Meter {
            pid: pid.to_owned(),
            server: cpu(pid),
            client: cpu("self"),
            since: Instant::now(),
        }
    }

    /// The fields of the JSON line that say what this much work cost.
    pub fn fields(&self, bytes: u64, records: u64, requests: u64) -> String {
        let secs = self.since.elapsed().as_secs_f64();
        let (now, me) = (cpu(&self.pid), cpu("self"));
        let (user, system) = (now.0 - self.server.0, now.1 - self.server.1);
        let both = user + system;
        let client = me.0 + me.1 - self.client.0 - self.client.1;
        let gib = bytes as f64 / f64::from(1 << 30);
        let mut line = String::new();
        let mut field = |name: &str, value: f64| {
            // Writing to a String can't fail.
            let _ = write!(line, "\"{name}\":{value:.3},");
        };
        field("secs", secs);
        field("mib_s", gib * 1024.0 / secs);
        field("records_s", records as f64 / secs);
        field("requests_s", requests as f64 / secs);
        field("server_cpu_s", both);
        field("server_user_s", user);
        field("server_system_s", system);
        field("client_cpu_s", client);
        field("cpu_s_per_gib", both / gib.max(1e-12));
        field(
            "cpu_us_per_request",
            both * 1e6 / (requests as f64).max(1.0),
        );
        field("rss_mib", memory_mib(&self.pid, "VmRSS:"));
        field("rss_max_mib", memory_mib(&self.pid, "VmHWM:"));
        line.pop();
        line
    }
}

/// Latencies in nanoseconds.
#[derive(Default)]
pub struct Latencies(pub Vec<u64>);

impl Latencies {
    /// The `"latency_us"` field of the JSON line.
    pub fn field(&mut self) -> String {
        self.0.sort_unstable();
        let at = |q: f64| match self.0.len() {
            0 => -1.0,
            n => self.0[((n - 1) as f64 * q).round() as usize] as f64 / 1000.0,
        };
        format!(
            "\"latency_us\":{{\"n\":{},\"p50\":{:.1},\"p99\":{:.1},\"p999\":{:.1},\"max\":{:.1}}}",
            self.0.len(),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        )
    }
}
