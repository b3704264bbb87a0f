//! Listening sockets: bound at once, so that clients may queue in the backlog, and served when told.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use ottla_core::connection::limits::Entry;
use socket2::{Domain, Protocol, Socket, Type};

use crate::connection::{Stream, Task};
use crate::error::NodeError;
use crate::listening::Listening;
use crate::lock::lock;
use crate::metrics::add;
use crate::peer::{Connection, Listener};
use crate::pool::panic_text;
use crate::shared::{Options, Shared};
use crate::shedding::Spare;

/// The address to bind for a host name. As in Java, IPv4 comes first where a name has both, and the wildcard
/// takes both families.
fn bind_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, NodeError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() || bare == "0.0.0.0" || bare == "::" {
        let v4 = IpAddr::from([0, 0, 0, 0]);
        return Ok(vec![
            SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
            SocketAddr::new(v4, port),
        ]);
    }
    let found = (bare, port).to_socket_addrs().map_err(|error| {
        NodeError::new(
            "bind",
            format!("the listener's host {bare} has no address: {error}"),
        )
    })?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.truncate(1);
    Ok(addresses)
}

/// Bind and listen; the first address that the machine has wins.
pub fn bind(
    host: &str,
    port: u16,
    backlog: i32,
    options: &Options,
) -> Result<TcpListener, NodeError> {
    let mut last = None;
    for address in bind_addresses(host, port)? {
        match bind_one(address, backlog, options) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
                last = Some(NodeError::new(
                    "bind",
                    format!("{host}:{port} cannot be listened on: {error}"),
                ));
                if in_use {
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| NodeError::new("bind", format!("{host} has no address"))))
}

fn bind_one(address: SocketAddr, backlog: i32, options: &Options) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Connections inherit both sizes; -1 leaves them to the system, as in Kafka.
    if let Ok(bytes) = usize::try_from(options.socket_receive_buffer_bytes) {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Ok(bytes) = usize::try_from(options.socket_send_buffer_bytes) {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// An IPv4 client of a socket for both families is an IPv4 client.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Take connections until the node ends.
pub async fn accept_loop(node: Arc<Shared>, listener: Arc<Listener>, listening: Arc<Listening>) {
    let mut spare = Spare::new(&node);
    while node.accepts() {
        if !has_room(&node, &listener).await {
            continue;
        }
        match listening.socket.accept().await {
            Ok((stream, peer)) => {
                // Meanwhile others came, or there may be fewer.
                while node.accepts() && !has_room(&node, &listener).await {}
                accept(&node, &listener, stream, plain(peer));
            }
            Err(error) if is_out_of_descriptors(&error) => {
                spare.make_room(&node, &listening).await;
            }
            // A connection that died in the backlog, or no memory for it: try again, but not in a hurry.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Whether one more may come in on this listener; if not, a while has passed, or something has changed.
async fn has_room(node: &Shared, listener: &Listener) -> bool {
    let changed = node.connection_freed.notified();
    let entry = {
        let connections = lock(&node.connections);
        let limits = lock(&node.limits);
        let own = if limits.limits(&listener.name) {
            let same = |other: &&Arc<Connection>| other.listener.name == listener.name;
            connections.values().filter(same).count()
        } else {
            0
        };
        limits.entry(&listener.name, (own, connections.len()), node.uptime_us())
    };
    let most = Duration::from_secs(1);
    let wait = match entry {
        Entry::Now => return true,
        Entry::Full => most,
        Entry::After(wait) => wait.min(most),
    };
    let _ = tokio::time::timeout(wait, changed).await;
    false
}

fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    let of_process = rustix::io::Errno::MFILE.raw_os_error();
    let of_machine = rustix::io::Errno::NFILE.raw_os_error();
    [Some(of_process), Some(of_machine)].contains(&error.raw_os_error())
}

fn accept(
    node: &Arc<Shared>,
    listener: &Arc<Listener>,
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if !node.makes_way(stream.as_raw_fd()) {
        return;
    }
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_keepalive(true);
    let id = node.next_token.fetch_add(1, Ordering::Relaxed);
    let ends = (plain(local), peer);
    let connection = Arc::new(Connection::new(
        id,
        Arc::clone(listener),
        ends,
        node.uptime_ms(),
    ));
    {
        let mut connections = lock(&node.connections);
        let per_ip_max = lock(&node.limits).of_address(peer.ip());
        if per_ip_max < connections.len() + 1 {
            let same = connections
                .values()
                .filter(|other| other.peer.ip() == peer.ip())
                .count();
            if same >= per_ip_max {
                drop(connections);
                add(&node.metrics.connections_refused, 1);
                let text = format!(
                    "refused a connection: {} has {per_ip_max} already (max.connections.per.ip)",
                    peer.ip()
                );
                node.refuse(text);
                return;
            }
        }
        if !node.accepts() {
            return;
        }
        connections.insert(id, Arc::clone(&connection));
        lock(&node.limits).entered(&listener.name, node.uptime_us());
    }
    add(&node.metrics.connections_accepted, 1);
    node.metrics.accepted_by(&listener.name);
    let task = Task::new(Arc::clone(node), connection, Stream::Plain(stream));
    tokio::spawn(guarded(Arc::clone(node), async move {
        let mut task = task;
        task.run().await;
    }));
}

/// Run a task; if it panics, poison the node instead of losing the task silently.
pub async fn guarded(node: Arc<Shared>, task: impl Future<Output = ()>) {
    let mut task = std::pin::pin!(task);
    std::future::poll_fn(|context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
            Ok(polled) => polled,
            Err(panic) => {
                node.poison(&panic_text(&*panic));
                Poll::Ready(())
            }
        }
    })
    .await;
}
