//! A plan as files in a folder, with the page that says in which order they are applied.

use std::{
    fs,
    io::ErrorKind,
    path::{Component, Path},
};

use anyhow::{Context, Result, bail};
use sundew_harden::Plan;
use sundew_report::{markdown_code, markdown_text};

use crate::page;

/// The page of a plan.
const PAGE: &str = "README.md";

/// Writes `plan` to `folder`, which is made where it is not there and must else be empty: what an earlier plan left
/// behind must not be applied with this one. `made_from` names the cluster; it is empty for files.
pub(super) fn write(plan: &Plan, made_from: &str, folder: &Path) -> Result<()> {
    let shown = folder.display();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            bail!("the folder {shown} is not empty; give --out a new one, or take away what is in it")
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {shown}")),
    }
    for file in plan.steps.iter().flat_map(|step| &step.files) {
        let name = Path::new(&file.name);
        // The names are ours; this is for the day on which one is made from the name of an object.
        if !name.components().all(|part| matches!(part, Component::Normal(_))) {
            bail!("a step of the plan has a file `{}`, which is no name within a folder", file.name);
        }
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        page::deliver(file.text.as_bytes(), Some(&path))?;
    }
    page::deliver(read_me(plan, made_from).as_bytes(), Some(&folder.join(PAGE)))
}

/// The page: why, what to know, each step with its commands, and how all of it is undone.
fn read_me(plan: &Plan, made_from: &str) -> String {
    let mut text = format!("# {}\n\n", words(&plan.title));
    text.push_str(&match made_from {
        "" => "Made from files. ".to_owned(),
        name => format!("Made from {}. ", markdown_code(name)),
    });
    text.push_str(
        "No command names a cluster: see that `kubectl config current-context` is the one that is meant.\n",
    );
    if !plan.notes.is_empty() {
        text.push_str("\n## Before you begin\n\n");
        plan.notes.iter().for_each(|note| text.push_str(&format!("- {}\n", words(note))));
    }
    for (number, step) in (1..).zip(&plan.steps) {
        text.push_str(&format!("\n## {number}. {}\n", words(&step.title)));
        if !step.because.is_empty() {
            text.push('\n');
            step.because.iter().for_each(|because| text.push_str(&format!("- {}\n", words(because))));
        }
        commands(&mut text, &step.apply);
        if !step.undo.is_empty() {
            text.push_str("\nTo undo it:\n");
            commands(&mut text, &step.undo);
        }
    }
    if plan.steps.len() > 1 {
        text.push_str("\nTo undo all of it, undo the steps from the last to the first.\n");
    }
    text
}

/// A text in which commands stand between backticks. Whatever names it has, it makes no markup but code: a name with
/// backticks can at most turn around what of its own line is code.
fn words(from: &str) -> String {
    let parts: Vec<&str> = from.split('`').collect();
    let is_code = |at: usize| at % 2 == 1;
    let paired = parts.len() % 2 == 1;
    if !paired || parts.iter().enumerate().any(|(at, part)| is_code(at) && part.trim().is_empty()) {
        return markdown_text(from);
    }
    let marked =
        |(at, part): (usize, &&str)| if is_code(at) { markdown_code(part) } else { markdown_text(part) };
    parts.iter().enumerate().map(marked).collect()
}

fn commands(text: &mut String, commands: &[String]) {
    if commands.is_empty() {
        return;
    }
    let lines: Vec<String> = commands.iter().map(|command| shown(command)).collect();
    let lines = lines.join("\n");
    let longest = lines.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    text.push_str(&format!("\n{fence}sh\n{lines}\n{fence}\n"));
}

/// A command as it is run. One that does not look like what it does is none to paste.
fn shown(command: &str) -> String {
    let hides = |char: char| char.is_control() || sundew_posture::render::is_hidden(char);
    if !command.contains(hides) {
        return command.to_owned();
    }
    let mut seen = String::with_capacity(command.len());
    for char in command.chars() {
        if hides(char) { seen.extend(char.escape_default()) } else { seen.push(char) }
    }
    format!("# Left out, for a name in it has characters that cannot be seen: {seen}")
}

#[cfg(test)]
mod tests {
    use sundew_harden::{Plan, Step};

    use super::{read_me, words};

    #[test]
    fn names_make_no_markup_in_a_page_and_cannot_end_what_is_code() {
        let evil = "x](https://evil.example) <img src=x> **b**\n## 9. Run this\n```sh\nrm -r x";
        let step = Step {
            title: format!("Narrow {evil}"),
            because: vec![format!("It holds {evil}: `kubectl get {evil}`.")],
            apply: vec!["kubectl get 'a```b'".into(), "kubectl get 'a\nrm -r x'".into()],
            ..Step::default()
        };
        let plan = Plan { title: "T".into(), steps: vec![step], notes: vec![evil.into()] };
        let page = read_me(&plan, "");
        assert!(
            !page.contains("https://") && !page.contains("\n## 9") && !page.contains("\nrm -r x"),
            "{page}"
        );
        assert!(page.contains("\\<img") && page.contains("\\*\\*b"), "{page}");
        assert!(page.contains("````sh\nkubectl get 'a```b'\n# Left out"), "{page}");
        assert!(page.contains(r"a\nrm -r x'"), "{page}");
    }

    #[test]
    fn what_is_between_backticks_stays_code_and_can_be_pasted() {
        assert_eq!(words("run `jq '.[\"a_b\"]'` on *"), "run `jq '.[\"a_b\"]'` on \\*");
        assert_eq!(words("one ` alone_"), "one \\` alone\\_");
        assert_eq!(words("`` [a](b)"), "\\`\\` \\[a\\](b)");
    }

    #[test]
    fn the_page_says_which_cluster_it_was_made_from() {
        let page = read_me(&Plan::default(), "prod (https://10.0.0.1:6443)");
        assert!(page.contains("Made from `prod (https://10.0.0.1:6443)`."), "{page}");
        assert!(page.contains("`kubectl config current-context`"), "{page}");
        assert!(read_me(&Plan::default(), "").contains("Made from files."));
    }
}
