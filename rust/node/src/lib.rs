//! Drives the core with real sockets, threads and files.
