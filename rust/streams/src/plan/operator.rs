//! The operators of a topology, one row each, as `ottla.streams.plan.operators` has them.

use super::aggregation::Aggregation;
use super::function::Function;
use super::join::{
    ForeignTableJoin, ResponseJoin, StreamGlobalJoin, StreamSelfJoin, StreamStreamJoin,
    StreamTableJoin, SubscriptionJoin, SubscriptionReceive, SubscriptionSend, Suppress,
    TableTableJoin,
};
use super::reading::{Fields, Read};
use super::sink::Sink;
use super::view::View;
use super::window::{SessionWindows, SlidingWindows, Windows};
use super::{Names, ProcessorId, StoreId};

/// Where a table operator keeps its values, and whether it tells old ones.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    pub store: Option<StoreId>,
    pub send_old: bool,
}

#[derive(Clone, Debug)]
pub struct TableFilter {
    pub predicate: Function,
    pub negate: bool,
    pub versioned: bool,
    pub keeping: Keeping,
}

#[derive(Clone, Debug)]
pub struct TableAggregate {
    pub initializer: Function,
    pub adder: Function,
    pub subtractor: Function,
    pub keeping: Keeping,
}

#[derive(Clone, Debug)]
pub struct TableReduce {
    pub adder: Function,
    pub subtractor: Function,
    pub keeping: Keeping,
}

#[derive(Clone, Debug)]
pub struct Windowed<W> {
    pub store: StoreId,
    pub windows: W,
    pub aggregation: Aggregation,
    /// Emit when the window closes, not at each update.
    pub on_close: bool,
    pub send_old: bool,
}

#[derive(Clone, Debug)]
pub enum Operator {
    Filter {
        predicate: Function,
        negate: bool,
        /// What is left out is counted: its key is null.
        by_key: bool,
    },
    Map(Function),
    SelectKey(Function),
    MapValues(Function),
    FlatMap(Function),
    FlatMapValues(Function),
    Branch(Box<[Function]>),
    Peek(Function),
    PassThrough,
    Process {
        processor: ProcessorId,
        fixed_key: bool,
    },
    StreamAggregate {
        store: StoreId,
        aggregation: Box<Aggregation>,
        send_old: bool,
    },
    WindowAggregate(Box<Windowed<Windows>>),
    SlidingAggregate(Box<Windowed<SlidingWindows>>),
    SessionAggregate(Box<Windowed<SessionWindows>>),
    TableSource(Keeping),
    TableFilter(Box<TableFilter>),
    TableMapValues {
        mapper: Function,
        keeping: Keeping,
    },
    TableTransformValues {
        processor: ProcessorId,
        source: Option<View>,
        keeping: Keeping,
    },
    TableToStream,
    TableRepartitionMap {
        mapper: Function,
        versioned: bool,
    },
    TableAggregate(Box<TableAggregate>),
    TableReduce(Box<TableReduce>),
    Sink(Box<Sink>),
    Suppress(Box<Suppress>),
    JoinWindow(StoreId),
    StreamStreamJoin(Box<StreamStreamJoin>),
    StreamSelfJoin(Box<StreamSelfJoin>),
    StreamTableJoin(Box<StreamTableJoin>),
    StreamGlobalJoin(Box<StreamGlobalJoin>),
    TableTableJoin(Box<TableTableJoin>),
    TableTableMerge(Keeping),
    SubscriptionSend(Box<SubscriptionSend>),
    SubscriptionReceive(Box<SubscriptionReceive>),
    SubscriptionJoin(Box<SubscriptionJoin>),
    ForeignTableJoin(Box<ForeignTableJoin>),
    ResponseJoin(Box<ResponseJoin>),
}

impl Operator {
    pub fn read(node: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        let (kind, row) = node.object("operator")?;
        let read = [stream, table, join];
        for read in read {
            if let Some(operator) = read(kind, &row, names)? {
                return Ok(operator);
            }
        }
        Err(node.wrong("operator", &format!("is of an unknown kind, {kind}")))
    }

    /// An aggregation of a stream, and the store that holds its aggregates.
    pub fn aggregation(&self) -> Option<(StoreId, &Aggregation)> {
        Some(match self {
            Self::StreamAggregate {
                store, aggregation, ..
            } => (*store, aggregation),
            Self::WindowAggregate(row) => (row.store, &row.aggregation),
            Self::SlidingAggregate(row) => (row.store, &row.aggregation),
            Self::SessionAggregate(row) => (row.store, &row.aggregation),
            _ => return None,
        })
    }

    /// The store of windows that are emitted when they close.
    pub fn emits_on_close(&self) -> Option<StoreId> {
        let (store, on_close) = match self {
            Self::WindowAggregate(row) => (row.store, row.on_close),
            Self::SlidingAggregate(row) => (row.store, row.on_close),
            Self::SessionAggregate(row) => (row.store, row.on_close),
            _ => return None,
        };
        on_close.then_some(store)
    }
}

fn stream(kind: &str, row: &Fields<'_>, names: &Names<'_>) -> Read<Option<Operator>> {
    let mapper = || Function::read(row, "mapper");
    Ok(Some(match kind {
        "Filter" => Operator::Filter {
            predicate: Function::read(row, "predicate")?,
            negate: row.flag("negate")?,
            by_key: row.flag("by_key")?,
        },
        "Map" => Operator::Map(mapper()?),
        "SelectKey" => Operator::SelectKey(mapper()?),
        "MapValues" => Operator::MapValues(mapper()?),
        "FlatMap" => Operator::FlatMap(mapper()?),
        "FlatMapValues" => Operator::FlatMapValues(mapper()?),
        "Branch" => Operator::Branch(Function::read_list(row, "predicates")?.into()),
        "Peek" => Operator::Peek(Function::read(row, "action")?),
        "PassThrough" => Operator::PassThrough,
        "Process" => Operator::Process {
            processor: row.host_number("supplier", "processor")?,
            fixed_key: row.flag("fixed_key")?,
        },
        "StreamAggregate" => Operator::StreamAggregate {
            store: names.store(row, "store")?,
            aggregation: Box::new(Aggregation::read(row)?),
            send_old: row.flag("send_old")?,
        },
        "WindowAggregate" => {
            let windows = Windows::read(row, "windows")?;
            Operator::WindowAggregate(Box::new(Windowed::read(row, names, windows)?))
        }
        "SlidingAggregate" => {
            let windows = SlidingWindows::read(row, "windows")?;
            Operator::SlidingAggregate(Box::new(Windowed::read(row, names, windows)?))
        }
        "SessionAggregate" => {
            let windows = SessionWindows::read(row, "windows")?;
            Operator::SessionAggregate(Box::new(Windowed::read(row, names, windows)?))
        }
        _ => return Ok(None),
    }))
}

fn table(kind: &str, row: &Fields<'_>, names: &Names<'_>) -> Read<Option<Operator>> {
    let send_old = row.flag("send_old")?;
    let keeping = || -> Read<Keeping> {
        let store = names.store_or_none(row, "store")?;
        Ok(Keeping { store, send_old })
    };
    let kept = || -> Read<Keeping> {
        let store = Some(names.store(row, "store")?);
        Ok(Keeping { store, send_old })
    };
    Ok(Some(match kind {
        "TableSource" => Operator::TableSource(keeping()?),
        "TableFilter" => Operator::TableFilter(Box::new(TableFilter {
            predicate: Function::read(row, "predicate")?,
            negate: row.flag("negate")?,
            versioned: row.flag("versioned")?,
            keeping: keeping()?,
        })),
        "TableMapValues" => Operator::TableMapValues {
            mapper: Function::read(row, "mapper")?,
            keeping: keeping()?,
        },
        "TableTransformValues" => Operator::TableTransformValues {
            processor: row.host_number("supplier", "processor")?,
            source: View::read_or_none(row, "source", names)?,
            keeping: keeping()?,
        },
        "TableToStream" => Operator::TableToStream,
        "TableRepartitionMap" => Operator::TableRepartitionMap {
            mapper: Function::read(row, "mapper")?,
            versioned: row.flag("versioned")?,
        },
        "TableAggregate" => Operator::TableAggregate(Box::new(TableAggregate {
            initializer: Function::read(row, "initializer")?,
            adder: Function::read(row, "adder")?,
            subtractor: Function::read(row, "subtractor")?,
            keeping: kept()?,
        })),
        "TableReduce" => Operator::TableReduce(Box::new(TableReduce {
            adder: Function::read(row, "adder")?,
            subtractor: Function::read(row, "subtractor")?,
            keeping: kept()?,
        })),
        "TableTableMerge" => Operator::TableTableMerge(keeping()?),
        _ => return Ok(None),
    }))
}

fn join(kind: &str, row: &Fields<'_>, names: &Names<'_>) -> Read<Option<Operator>> {
    Ok(Some(match kind {
        "Suppress" => Operator::Suppress(Box::new(Suppress::read(row, names)?)),
        "JoinWindow" => Operator::JoinWindow(names.store(row, "store")?),
        "StreamStreamJoin" => {
            Operator::StreamStreamJoin(Box::new(StreamStreamJoin::read(row, names)?))
        }
        "StreamSelfJoin" => Operator::StreamSelfJoin(Box::new(StreamSelfJoin::read(row, names)?)),
        "StreamTableJoin" => {
            Operator::StreamTableJoin(Box::new(StreamTableJoin::read(row, names)?))
        }
        "StreamGlobalJoin" => {
            Operator::StreamGlobalJoin(Box::new(StreamGlobalJoin::read(row, names)?))
        }
        "TableTableJoin" => Operator::TableTableJoin(Box::new(TableTableJoin::read(row, names)?)),
        "SubscriptionSend" => {
            Operator::SubscriptionSend(Box::new(SubscriptionSend::read(row, names)?))
        }
        "SubscriptionReceive" => {
            Operator::SubscriptionReceive(Box::new(SubscriptionReceive::read(row, names)?))
        }
        "SubscriptionJoin" => {
            Operator::SubscriptionJoin(Box::new(SubscriptionJoin::read(row, names)?))
        }
        "ForeignTableJoin" => {
            Operator::ForeignTableJoin(Box::new(ForeignTableJoin::read(row, names)?))
        }
        "ResponseJoin" => Operator::ResponseJoin(Box::new(ResponseJoin::read(row, names)?)),
        _ => return Ok(None),
    }))
}

impl<W> Windowed<W> {
    fn read(row: &Fields<'_>, names: &Names<'_>, windows: W) -> Read<Self> {
        Ok(Self {
            store: names.store(row, "store")?,
            windows,
            aggregation: Aggregation::read(row)?,
            on_close: row.text_or_none("emit")? == Some("on_window_close"),
            send_old: row.flag("send_old")?,
        })
    }
}
