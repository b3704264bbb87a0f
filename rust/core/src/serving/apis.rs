//! Which requests the node takes, at which versions, on which listeners: Python's table, for lookup by key.

pub const PRODUCE: i16 = 0;
pub const FETCH: i16 = 1;

/// One row: an API and where it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    pub key: i16,
    pub version_min: i16,
    pub version_max: i16,
    /// The first version whose headers carry tagged fields; above `version_max` if there is none.
    pub first_flexible: i16,
    pub on_brokers: bool,
    pub on_controllers: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Apis {
    rows: Vec<Option<Api>>,
}

impl Apis {
    pub fn new(rows: impl IntoIterator<Item = Api>) -> Self {
        let mut table = Self::default();
        for row in rows {
            let Ok(place) = usize::try_from(row.key) else {
                continue;
            };
            if table.rows.len() <= place {
                table.rows.resize(place + 1, None);
            }
            table.rows[place] = Some(row);
        }
        table
    }

    pub fn get(&self, key: i16, controller: bool) -> Option<&Api> {
        let api = self.rows.get(usize::try_from(key).ok()?)?.as_ref()?;
        (if controller {
            api.on_controllers
        } else {
            api.on_brokers
        })
        .then_some(api)
    }

    /// From which version on this API's request header ends in tagged fields; never for an unknown API.
    pub fn first_flexible(&self, key: i16) -> i16 {
        let row = usize::try_from(key)
            .ok()
            .and_then(|place| self.rows.get(place)?.as_ref());
        row.map_or(i16::MAX, |api| api.first_flexible)
    }
}
