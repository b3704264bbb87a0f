//! Kafka's error codes, as far as the core answers with one: each stands here and nowhere else.
//!
//! Whoever decides holds a `Code`; it becomes a number where a reply is put, and where Python is told.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Code {
    UnknownServerError = -1,
    None = 0,
    OffsetOutOfRange = 1,
    CorruptMessage = 2,
    UnknownTopicOrPartition = 3,
    NotLeaderOrFollower = 6,
    RequestTimedOut = 7,
    MessageTooLarge = 10,
    NetworkException = 13,
    CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15,
    NotCoordinator = 16,
    InvalidTopicException = 17,
    RecordListTooLarge = 18,
    NotEnoughReplicas = 19,
    NotEnoughReplicasAfterAppend = 20,
    InvalidRequiredAcks = 21,
    TopicAuthorizationFailed = 29,
    ClusterAuthorizationFailed = 31,
    InvalidTimestamp = 32,
    UnsupportedVersion = 35,
    InvalidRequest = 42,
    UnsupportedForMessageFormat = 43,
    OutOfOrderSequenceNumber = 45,
    InvalidProducerEpoch = 47,
    InvalidTxnState = 48,
    InvalidProducerIdMapping = 49,
    ConcurrentTransactions = 51,
    TransactionCoordinatorFenced = 52,
    TransactionalIdAuthorizationFailed = 53,
    KafkaStorageError = 56,
    UnknownProducerId = 59,
    FetchSessionIdNotFound = 70,
    InvalidFetchSessionEpoch = 71,
    FencedLeaderEpoch = 74,
    UnknownLeaderEpoch = 75,
    UnsupportedCompressionType = 76,
    InvalidRecord = 87,
    ProducerFenced = 90,
    UnknownTopicId = 100,
    FetchSessionTopicIdError = 106,
    TransactionAbortable = 120,
}

impl Code {
    /// What whoever decides may say of a partition that a producer wants to write to in its transaction.
    const OF_TRANSACTIONS: [Self; 23] = [
        Self::None,
        Self::UnknownTopicOrPartition,
        Self::NotLeaderOrFollower,
        Self::RequestTimedOut,
        Self::NetworkException,
        Self::CoordinatorLoadInProgress,
        Self::CoordinatorNotAvailable,
        Self::NotCoordinator,
        Self::NotEnoughReplicas,
        Self::TopicAuthorizationFailed,
        Self::ClusterAuthorizationFailed,
        Self::UnsupportedVersion,
        Self::InvalidRequest,
        Self::OutOfOrderSequenceNumber,
        Self::InvalidProducerEpoch,
        Self::InvalidTxnState,
        Self::InvalidProducerIdMapping,
        Self::ConcurrentTransactions,
        Self::TransactionCoordinatorFenced,
        Self::TransactionalIdAuthorizationFailed,
        Self::UnknownProducerId,
        Self::ProducerFenced,
        Self::TransactionAbortable,
    ];

    /// What was decided of a transaction's partition, by its number; what nobody decides so is an unknown error.
    pub fn of_transaction(number: i16) -> Self {
        Self::OF_TRANSACTIONS
            .into_iter()
            .find(|code| code.code() == number)
            .unwrap_or(Self::UnknownServerError)
    }

    /// Its number in replies.
    pub fn code(self) -> i16 {
        self as i16
    }
}
