//! Rule files as text → documents, each with the place it came from, so that every error can name it.

mod guard;
mod meta;
mod reason;
mod split;

use rsigma_parser::{CorrelationRule, FilterRule, SigmaCollection, SigmaRule};

use crate::{LoadError, Source, field::NoSuchExtension};

pub(crate) use meta::{audit_level, name_of, rule_of_correlation, rule_of_detection};

/// One rule, correlation or filter as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file, as its [`Source`] names it.
    pub(crate) file: String,
    /// The line of the file, from 1, in which the document begins.
    pub(crate) line: usize,
    /// The document's own text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) ast: Ast,
}

/// What a document says.
#[derive(Debug, Clone)]
pub(crate) enum Ast {
    /// Of one event.
    Detection(Box<SigmaRule>),
    /// Of several hits.
    Correlation(Box<CorrelationRule>),
    /// An exclusion for other rules.
    Filter(Box<FilterRule>),
}

/// Why something in a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong, in one clause.
    pub(crate) what: String,
    /// What to do about it; may be empty.
    pub(crate) advice: String,
    /// A piece of the document's text by which its line can be found; may be empty.
    pub(crate) near: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), near: String::new() }
    }

    /// The same, with a piece of text by which the line can be found. The innermost wins.
    pub(crate) fn near(mut self, near: &str) -> Self {
        if self.near.is_empty() {
            near.clone_into(&mut self.near);
        }
        self
    }
}

impl From<NoSuchExtension> for Fault {
    fn from(no: NoSuchExtension) -> Self {
        let advice = match no.nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "see docs/rules.md for the names that begin with `sundew.`".to_owned(),
        };
        Self::new(format!("there is no field `{}`", no.name), advice).near(&no.name)
    }
}

impl Document {
    /// The title.
    pub(crate) fn title(&self) -> &str {
        match &self.ast {
            Ast::Detection(rule) => &rule.title,
            Ast::Correlation(rule) => &rule.title,
            Ast::Filter(rule) => &rule.title,
        }
    }

    /// The id.
    pub(crate) fn id(&self) -> Option<&str> {
        match &self.ast {
            Ast::Detection(rule) => rule.id.as_deref(),
            Ast::Correlation(rule) => rule.id.as_deref(),
            Ast::Filter(rule) => rule.id.as_deref(),
        }
    }

    /// The short name: see [`crate::Rule::name`].
    pub(crate) fn name(&self) -> String {
        let name = match &self.ast {
            Ast::Detection(rule) => rule.name.as_deref(),
            Ast::Correlation(rule) => rule.name.as_deref(),
            Ast::Filter(rule) => rule.name.as_deref(),
        };
        name_of(name, self.id(), self.title())
    }

    /// The first line of the file in which this document has `piece`, from 1. Lines before the detection (title,
    /// description …) count only where no later one has it.
    pub(crate) fn line_of(&self, piece: &str) -> Option<usize> {
        split::line_of(&self.text, piece).map(|at| self.line + at)
    }

    /// An error about this document.
    pub(crate) fn error(&self, fault: Fault) -> LoadError {
        let line =
            Some(fault.near.as_str()).filter(|near| !near.is_empty()).and_then(|near| self.line_of(near));
        LoadError {
            file: self.file.clone(),
            line: line.or(Some(self.line)),
            rule: Some(self.title().to_owned()),
            what: fault.what,
            advice: fault.advice,
        }
    }
}

/// Reads all documents of all sources. What cannot be read is left out and told of.
pub(crate) fn read(sources: &[Source]) -> (Vec<Document>, Vec<LoadError>) {
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for source in sources {
        for part in split::documents(&source.text) {
            read_part(source, &part, &mut documents, &mut errors);
        }
    }
    (documents, errors)
}

/// Reads one part of a file: one document, or all of it where its documents build on each other.
fn read_part(
    source: &Source,
    part: &split::Part<'_>,
    documents: &mut Vec<Document>,
    errors: &mut Vec<LoadError>,
) {
    let error = |fault: Fault, at: Option<usize>| LoadError {
        file: source.name.clone(),
        line: Some(part.line + at.or_else(|| split::line_of(part.text, &fault.near)).unwrap_or(0)),
        rule: split::title(part.text),
        what: fault.what,
        advice: fault.advice,
    };
    if let Err(fault) = guard::check(part.text) {
        errors.push(error(fault, None));
        return;
    }
    let collection = match rsigma_parser::parse_sigma_yaml(part.text) {
        Ok(collection) => collection,
        Err(failed) => {
            let (fault, at) = reason::of(&failed.to_string());
            errors.push(error(fault, at));
            return;
        }
    };
    let told = collection.errors.iter().filter(|error| !reason::is_harmless(error));
    let told: Vec<_> = told.map(|told| reason::of(told)).collect();
    // What the parser complained of and read nevertheless (a level that does not exist) is not what was meant.
    if told.is_empty() {
        documents.extend(all(collection).map(|ast| Document {
            file: source.name.clone(),
            line: part.line,
            text: part.text.to_owned(),
            ast,
        }));
    }
    errors.extend(told.into_iter().map(|(fault, at)| error(fault, at)));
}

fn all(collection: SigmaCollection) -> impl Iterator<Item = Ast> {
    let rules = collection.rules.into_iter().map(|rule| Ast::Detection(Box::new(rule)));
    let correlations = collection.correlations.into_iter().map(|rule| Ast::Correlation(Box::new(rule)));
    let filters = collection.filters.into_iter().map(|rule| Ast::Filter(Box::new(rule)));
    rules.chain(correlations).chain(filters)
}

#[cfg(test)]
mod tests;
