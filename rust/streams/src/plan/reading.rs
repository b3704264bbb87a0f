//! Rows read by name, with errors that say whose row it is.

use crate::row::Row;

pub type Read<T> = Result<T, String>;

/// The fields of one dataclass; `of` is what errors name.
#[derive(Clone, Copy)]
pub struct Fields<'r> {
    pub of: &'r str,
    map: &'r [(String, Row)],
}

impl<'r> Fields<'r> {
    pub fn new(of: &'r str, row: &'r Row) -> Read<Self> {
        match row {
            Row::Map(map) => Ok(Self { of, map }),
            other => Err(format!("{of}: a map was expected, not {other:?}")),
        }
    }

    /// The fields of an item of a list of named ones.
    pub fn named(row: &'r Row, what: &str) -> Read<Self> {
        let fields = Self::new("", row).map_err(|why| format!("{what}{why}"))?;
        let of = fields
            .text("name")
            .map_err(|_| format!("{what} without a name"))?;
        Ok(Self { of, ..fields })
    }

    pub fn get(&self, name: &str) -> Option<&'r Row> {
        self.map
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, row)| row)
            .filter(|row| **row != Row::Null)
    }

    pub fn need(&self, name: &str) -> Read<&'r Row> {
        self.get(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub fn wrong(&self, name: &str, why: &str) -> String {
        format!("{}: {name} {why}", self.of)
    }

    pub fn text(&self, name: &str) -> Read<&'r str> {
        self.need(name)?
            .as_text()
            .ok_or_else(|| self.wrong(name, "is no text"))
    }

    pub fn text_or_none(&self, name: &str) -> Read<Option<&'r str>> {
        match self.get(name) {
            None => Ok(None),
            Some(_) => self.text(name).map(Some),
        }
    }

    pub fn int(&self, name: &str) -> Read<i64> {
        self.need(name)?
            .as_int()
            .ok_or_else(|| self.wrong(name, "is no whole number"))
    }

    pub fn int_or(&self, name: &str, default: i64) -> Read<i64> {
        match self.get(name) {
            None => Ok(default),
            Some(_) => self.int(name),
        }
    }

    pub fn int_or_none(&self, name: &str) -> Read<Option<i64>> {
        match self.get(name) {
            None => Ok(None),
            Some(_) => self.int(name).map(Some),
        }
    }

    /// False where it is not given.
    pub fn flag(&self, name: &str) -> Read<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(Row::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "is no truth value")),
        }
    }

    /// Nothing where it is not given.
    pub fn list(&self, name: &str) -> Read<&'r [Row]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(row) => row.as_list().ok_or_else(|| self.wrong(name, "is no list")),
        }
    }

    pub fn texts(&self, name: &str) -> Read<Vec<&'r str>> {
        let texts = self
            .list(name)?
            .iter()
            .map(Row::as_text)
            .collect::<Option<_>>();
        texts.ok_or_else(|| self.wrong(name, "is no list of texts"))
    }

    /// A number by which the host knows something, as `{word: number}`.
    pub fn host_number(&self, name: &str, word: &str) -> Read<u32> {
        let fields = Fields::new(self.of, self.need(name)?)?;
        fields.number(word)
    }

    pub fn host_number_or_none(&self, name: &str, word: &str) -> Read<Option<u32>> {
        match self.get(name) {
            None => Ok(None),
            Some(_) => self.host_number(name, word).map(Some),
        }
    }

    pub fn number(&self, name: &str) -> Read<u32> {
        u32::try_from(self.int(name)?).map_err(|_| self.wrong(name, "is no number of the host"))
    }

    /// The dataclass of a field: its class's name and its own fields.
    pub fn object(&self, name: &str) -> Read<(&'r str, Fields<'r>)> {
        let fields = Fields::new(self.of, self.need(name)?)?;
        Ok((fields.text("is")?, fields))
    }
}
