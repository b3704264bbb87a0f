//! The pure half of Ottla: it reads no clock, draws no random number, and touches files only through `Disk`.
