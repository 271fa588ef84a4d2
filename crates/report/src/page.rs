//! The page as both of its forms have it.

use sundew_detect::Severity;

/// A report, ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The cluster's name.
    pub title: String,
    /// When it was made, in words.
    pub made: String,
    /// What to do first, most pressing first.
    pub first: Vec<Todo>,
    /// What is said in its place where there is nothing to do first.
    pub quiet: String,
    /// The parts, in the order in which they are read.
    pub sections: Vec<Section>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    /// How pressing.
    pub severity: Severity,
    /// What to do, in a few words.
    pub what: String,
    /// Why, in a sentence.
    pub why: String,
    /// The command, ready to paste; empty where there is none.
    pub run: String,
}

/// How a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should.
    Good,
    /// Not as it should, and how badly.
    Bad(Severity),
    /// Nobody looked, or not at all of it.
    Unknown,
}

/// A part of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// A word for links.
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// How it stands.
    pub state: State,
    /// How it stands in one sentence.
    pub verdict: String,
    /// More sentences.
    pub says: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A table. Every cell is text from outside as far as the printers are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What stands over it.
    pub caption: String,
    /// The columns' names.
    pub headers: Vec<&'static str>,
    /// The rows; as many cells as headers.
    pub rows: Vec<Vec<String>>,
    /// How many more rows there are than are shown.
    pub more: usize,
}

impl State {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(severity) => severity.as_str(),
            Self::Unknown => "not known",
        }
    }
}

impl Section {
    /// The class by which the page colours its state.
    pub(crate) fn class(&self) -> &'static str {
        match self.state {
            State::Unknown => "unknown",
            state => state.as_str(),
        }
    }
}

impl Table {
    /// A table of at most `most` of the rows.
    pub(crate) fn of(
        caption: &str,
        headers: &[&'static str],
        mut rows: Vec<Vec<String>>,
        most: usize,
    ) -> Self {
        let more = rows.len().saturating_sub(most);
        rows.truncate(most);
        Self { caption: caption.to_owned(), headers: headers.to_vec(), rows, more }
    }
}
