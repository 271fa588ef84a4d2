//! Bytes to objects: JSON or YAML, one object or lists of them, one document or many.
//!
//! [`parse`] reads one text and can run on many threads; [`Reader`] puts what came of it together, and notes what was
//! described twice, what could not be understood, and which kinds nobody described.

mod convert;
mod defaults;
mod describe;
mod flags;
mod object;
mod reader;
mod single;
mod standards;
mod text;
mod wire;

use thiserror::Error;

pub use flags::server_flags;
pub use object::Assume;
pub use reader::Reader;

use self::{convert::Names, describe::describe};
use crate::model::{Account, Admission, Binding, Namespace, Node, Role, Secret, Str, Workload};

/// Why a text could not be read at all.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is not UTF-8.
    #[error("{file}: byte {offset} (line {line}) is not UTF-8 text; a dump of kubectl always is")]
    NotText {
        /// Which text.
        file: String,
        /// The first byte that is wrong, from 0.
        offset: usize,
        /// Its line, from 1.
        line: u32,
    },
    /// It begins with the mark of UTF-16.
    #[error(
        "{file}: this is UTF-16, as Windows PowerShell writes with `>`; save it as UTF-8, or with \
         `kubectl … | Out-File -Encoding utf8`"
    )]
    Utf16 {
        /// Which text.
        file: String,
    },
    /// It is neither JSON nor YAML.
    #[error("{file}:{line}: {problem}")]
    Syntax {
        /// Which text.
        file: String,
        /// Where, from 1.
        line: u32,
        /// What is wrong, in the parser's words.
        problem: String,
    },
}

/// What one text described.
#[derive(Debug, Default)]
pub struct Batch {
    file: String,
    objects: Vec<Described>,
    /// Kinds of lists that were seen, also empty ones.
    lists: Vec<Str>,
    notices: Vec<(u32, String)>,
}

impl Batch {
    /// How many objects it holds, of kinds that matter and others.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it holds no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// An object with the line of its name.
#[derive(Debug)]
struct Described {
    line: u32,
    api_version: Str,
    kind: Str,
    name: Str,
    namespace: Str,
    thing: Thing,
}

#[derive(Debug)]
enum Thing {
    Role(Role),
    Binding(Binding),
    Account(Account),
    Workload(Box<Workload>),
    Node(Node),
    Namespace(Namespace),
    Secret(Secret),
    Admission(Admission),
    Version(Str),
    Other,
}

/// Reads one text. `file` names it in messages and places.
///
/// # Errors
///
/// Where it is not UTF-8, or neither JSON nor YAML. An object whose fields have other types than Kubernetes gives them
/// is left out with a notice, and the rest is read.
pub fn parse(file: &str, bytes: &[u8], assume: &Assume) -> Result<Batch, ReadError> {
    let text = text::decode(file, bytes)?;
    let names = Names::default();
    let mut batch = Batch { file: file.to_owned(), ..Batch::default() };
    let mut lines = text::Lines::new(text);
    for document in text::documents(text) {
        let found = text::Reading { file, names: &names, assume, text }.read(document)?;
        batch.notices.extend(found.left_out.into_iter().map(|(offset, what)| (lines.at(offset), what)));
        batch.lists.extend(found.lists);
        batch.objects.extend(found.objects.into_iter().map(|parsed| {
            let line = parsed.offset(text).map_or(0, |offset| lines.at(offset));
            describe(&names, assume, line, parsed, &mut batch.notices)
        }));
    }
    Ok(batch)
}
