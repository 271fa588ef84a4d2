//! The page as Markdown (GitHub's), for a ticket or a wiki.

use std::fmt::Write as _;

use crate::page::{Page, Section, Table, Todo};

/// The page as Markdown. Whatever comes from the cluster is escaped: it makes no markup, no link and no new row.
pub fn markdown(page: &Page) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    _ = writeln!(out, "# Sundew: {}\n\nMade {}.\n\n## What to do first\n", text(&page.title), page.made);
    if page.first.is_empty() {
        _ = writeln!(out, "{}", page.quiet);
    }
    for (number, todo) in (1..).zip(&page.first) {
        of_todo(&mut out, number, todo);
    }
    out.push_str("\n## At a glance\n\n| Part | State | |\n|---|---|---|\n");
    for section in &page.sections {
        _ = writeln!(out, "| {} | {} | {} |", section.title, section.state.as_str(), text(&section.verdict));
    }
    page.sections.iter().for_each(|section| of_section(&mut out, section));
    out
}

fn of_todo(out: &mut String, number: usize, todo: &Todo) {
    _ = writeln!(out, "{number}. **{}** ({}). {}.", text(&todo.what), todo.severity, text(&todo.why));
    if !todo.run.is_empty() {
        _ = writeln!(out, "   {}", code(&todo.run));
    }
}

fn of_section(out: &mut String, section: &Section) {
    _ = writeln!(out, "\n## {}\n\n{}", section.title, text(&section.verdict));
    for says in &section.says {
        _ = writeln!(out, "\n{}", text(says));
    }
    section.tables.iter().for_each(|table| of_table(out, table));
}

fn of_table(out: &mut String, table: &Table) {
    _ = writeln!(out, "\n**{}**\n\n| {} |", text(&table.caption), table.headers.join(" | "));
    _ = writeln!(out, "|{}", "---|".repeat(table.headers.len()));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| text(cell)).collect();
        _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    if table.more > 0 {
        _ = writeln!(out, "\nand {} more", table.more);
    }
}

/// A text from outside, in one line, in which nothing is markup.
pub fn text(from: &str) -> String {
    let mut out = String::with_capacity(from.len());
    let mut chars = from.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' => {
                out.extend(['\\', char]);
            }
            // Bare addresses become links by themselves, and names behind an @ are called.
            ':' if chars.peek() == Some(&'/') => out.push_str("&#58;"),
            '@' => _ = write!(out, "&#{};", u32::from(char)),
            '&' => out.push_str("&amp;"),
            hidden if hides(hidden) => _ = write!(out, "\\\\u{:x}", u32::from(hidden)),
            other => out.push(other),
        }
    }
    out
}

/// A command as code, in one line, whatever is in it.
pub fn code(command: &str) -> String {
    let command: String = command
        .chars()
        .map(|char| {
            if char.is_control() {
                ' '
            } else if hides(char) {
                '\u{fffd}'
            } else {
                char
            }
        })
        .collect();
    let ticks = command.split(|char| char != '`').map(str::len).max().unwrap_or_default() + 1;
    let fence = "`".repeat(ticks);
    let pad = if command.starts_with('`') || command.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{command}{pad}{fence}")
}

/// Characters that are not seen but change what is.
fn hides(char: char) -> bool {
    sundew_posture::render::is_hidden(char)
}

#[cfg(test)]
mod tests {
    use super::{code, text};

    #[test]
    fn a_text_from_outside_makes_no_markup_no_link_and_no_new_row() {
        assert_eq!(text("a|b\n# c <script> [x](y) `z`"), "a\\|b \\# c \\<script\\> \\[x\\](y) \\`z\\`");
        assert_eq!(text("https://evil.example"), "https&#58;//evil.example");
        assert_eq!(text("a\u{202e}b"), "a\\\\u202eb");
    }

    #[test]
    fn a_command_is_code_whatever_is_in_it() {
        assert_eq!(code("kubectl get po"), "`kubectl get po`");
        assert_eq!(code("echo `date`"), "`` echo `date` ``");
        assert_eq!(code("a\nb"), "`a b`");
    }
}
