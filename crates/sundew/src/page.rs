//! A page of text for people: colour and wrapping where it goes to a terminal, one line a fact where it does not.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use comfy_table::{ColumnConstraint, Table, Width, presets::NOTHING};
use sundew_posture::Severity;

use crate::table::{self, cell};

/// The longest text from outside that one line of a page has.
const LONGEST: usize = 2000;
/// Narrower than this nothing can be wrapped well.
const NARROWEST: usize = 40;
/// Narrower than this a column of text is not worth having.
const LEAST_TEXT: usize = 28;

/// Text that grows, and what it is printed on.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    colour: bool,
    /// Of a terminal.
    width: Option<usize>,
}

impl Page {
    /// A page for standard output, or for a file.
    pub(crate) fn new(out: Option<&Path>) -> Self {
        let terminal = out.is_none() && io::stdout().is_terminal();
        let width = Table::new().width().map(usize::from).filter(|_| terminal);
        Self {
            text: String::new(),
            colour: out.is_none() && table::colour(),
            width: width.map(|width| width.max(NARROWEST)),
        }
    }

    /// Whether somebody looks at it on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.width.is_some()
    }

    /// How many characters a line of the terminal has.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// An empty line, unless the page is empty.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A heading after an empty line, with what follows it on its line.
    pub(crate) fn heading(&mut self, title: &str, rest: &str) {
        self.gap();
        let title = self.styled("1", &cell(title, LONGEST));
        self.text.push_str(&format!("{title}{}\n", cell(rest, LONGEST)));
    }

    /// A line.
    pub(crate) fn line(&mut self, text: &str) {
        self.write("", 0, 0, None, text);
    }

    /// A line that begins `indent` to the right; what does not fit goes on two further.
    pub(crate) fn indented(&mut self, indent: usize, text: &str) {
        self.write("", indent, indent + 2, None, text);
    }

    /// A paragraph that begins `indent` to the right, in all of its lines.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.write("", indent, indent, None, text);
    }

    /// The same as [`Page::indented`] in the background.
    pub(crate) fn faint(&mut self, indent: usize, text: &str) {
        self.write("", indent, indent + 2, Some("2"), text);
    }

    /// A line that stands out.
    pub(crate) fn warning(&mut self, text: &str) {
        self.write("", 0, 2, Some("33"), text);
    }

    /// `SEVERITY  title  rest`, the title bold, and the rest in a line of its own where both do not fit.
    pub(crate) fn severity(&mut self, severity: Severity, title: &str, rest: &str) {
        let word = severity.as_str().to_uppercase();
        let word = table::severity(severity, self.colour).replace(severity.as_str(), &word);
        let long = 10 + title.chars().count() + 2 + rest.chars().count();
        if rest.is_empty() || self.width.is_some_and(|width| long > width) {
            self.write(&word, 10, 10, Some("1"), title);
            if !rest.is_empty() {
                self.faint(10, rest);
            }
            return;
        }
        let (title, rest) = (self.styled("1", &cell(title, LONGEST)), self.styled("2", &cell(rest, LONGEST)));
        self.text.push_str(&format!("{word}  {title}  {rest}\n"));
    }

    /// `key` in a column of `width`, and text beside it.
    pub(crate) fn entry(&mut self, indent: usize, key: &str, width: usize, text: &str) {
        let key = cell(key, LONGEST);
        let pad = width.saturating_sub(key.chars().count());
        let first = format!("{}{key}{}", " ".repeat(indent), " ".repeat(pad));
        self.write(&first, indent + width + 2, indent + width + 2, None, text);
    }

    /// Writes `text` from the column `from`, after `before`, and what does not fit from the column `hang`.
    fn write(&mut self, before: &str, from: usize, hang: usize, code: Option<&str>, text: &str) {
        let text = cell(text, LONGEST);
        let first = if before.is_empty() { " ".repeat(from) } else { format!("{before}  ") };
        let mut lines = wrapped(&text, self.width, from, hang).into_iter();
        let styled = |line: &str| code.map_or_else(|| line.to_owned(), |code| self.styled(code, line));
        let mut out = format!("{first}{}", styled(&lines.next().unwrap_or_default()));
        for line in lines {
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            out.push_str(&styled(&line));
        }
        self.text.push_str(out.trim_end());
        self.text.push('\n');
    }

    /// Columns, the last one in several lines where a terminal is too narrow for it in one; and where it is too narrow
    /// for that, a paragraph a row, so that no name is broken in two.
    pub(crate) fn columns(&mut self, headers: &[&str], rows: &[Vec<String>]) {
        let mut columns = Table::new();
        columns.load_preset(NOTHING).force_no_tty();
        columns.set_header(headers.iter().copied());
        for row in rows {
            columns.add_row(row.iter().map(|text| cell(text, LONGEST)));
        }
        for column in columns.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(width) = self.width
            && columns.lines().any(|line| line.trim_end().chars().count() > width)
        {
            let others: usize =
                columns.column_max_content_widths().iter().rev().skip(1).map(|w| usize::from(*w) + 2).sum();
            let Some(room) = width.checked_sub(others).filter(|room| *room >= LEAST_TEXT) else {
                return self.paragraphs(headers, rows);
            };
            if let Some(last) = columns.column_iter_mut().last() {
                last.set_padding((0, 0)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(
                    u16::try_from(room).unwrap_or(u16::MAX),
                )));
            }
        }
        let lines: Vec<String> = columns.lines().map(|line| line.trim_end().to_owned()).collect();
        for (number, line) in lines.iter().enumerate() {
            let line = if number == 0 { self.styled("1", line) } else { line.clone() };
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn paragraphs(&mut self, headers: &[&str], rows: &[Vec<String>]) {
        let wide = headers.iter().skip(1).map(|header| header.len()).max().unwrap_or_default();
        let mut last = None;
        for row in rows {
            let first = row.first();
            if first != last {
                self.write("", 0, 2, Some("1"), first.map_or("", String::as_str));
            }
            last = first;
            for (header, text) in headers.iter().zip(row).skip(1).filter(|(_, text)| !text.is_empty()) {
                self.entry(2, &header.to_lowercase(), wide, text);
            }
        }
    }

    /// Prints it, or writes it to a file.
    pub(crate) fn finish(self, out: Option<&Path>) -> Result<()> {
        deliver(self.text.as_bytes(), out)
    }
}

/// The words of `text` in lines that end before `width`.
fn wrapped(text: &str, width: Option<usize>, from: usize, hang: usize) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    let mut used = from;
    for word in text.split(' ') {
        let long = word.chars().count();
        let line = lines.last_mut().map_or(0, |line| line.len());
        if line > 0 && used + 1 + long > width {
            lines.push(String::new());
            used = hang;
        } else if line > 0 {
            used += 1;
            if let Some(line) = lines.last_mut() {
                line.push(' ');
            }
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
        used += long;
    }
    lines
}

/// Prints a value as JSON for people.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    deliver(&text, None)
}

/// Prints bytes, or writes them to a file that only its owner may read: at once, so that nobody sees half of it.
pub(crate) fn deliver(bytes: &[u8], out: Option<&Path>) -> Result<()> {
    let Some(path) = out else {
        let mut stdout = io::stdout().lock();
        return stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .context("cannot write to standard output");
    };
    write_private(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What is no file, such as /dev/stdout or a pipe, cannot be put in another's place.
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return fs::write(path, bytes);
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let written = written.and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It is ours and of no use; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn words_go_on_in_the_next_line_where_they_do_not_fit() {
        let lines = wrapped("aaa bbb ccc ddddddddddddddddd e", Some(12), 2, 4);
        assert_eq!(lines, ["aaa bbb", "ccc", "ddddddddddddddddd", "e"]);
        assert_eq!(wrapped("aaa bbb", None, 2, 4), ["aaa bbb"]);
    }
}
