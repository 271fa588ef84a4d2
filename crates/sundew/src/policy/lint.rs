//! `sundew policy lint`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result, bail};
use schemars::JsonSchema;
use serde::Serialize;
use sundew_policy::{Remark, Weight, blind::blind, lint, lint::sort, lint_flags, read::MAX_BYTES};

use super::needs;
use crate::{
    args::{self, Output},
    exit::Exit,
    page::{Page, print_json},
};

/// A remark about one of the files.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// The file, as it was named.
    file: String,
    #[serde(flatten)]
    remark: Remark,
}

pub(super) fn run(args: &args::PolicyLint) -> Result<Exit> {
    let name = name_of(&args.file);
    let (policy, mut remarks) = lint(&name, &text_of(&args.file)?);
    if let Some(policy) = &policy {
        remarks.extend(blind(policy, &needs::of(&args.wanted)?));
        sort(&mut remarks);
    }
    let mut told: Vec<Told> = of(&name, remarks).collect();
    if let Some(path) = &args.apiserver {
        let name = name_of(path);
        told.extend(of(&name, lint_flags(&name, &text_of(path)?)?));
    }
    // Those of one file stay together, and in order of their lines.
    told.sort_by_key(|told| told.remark.weight);
    match args.output {
        Output::Json => print_json(&told)?,
        _ => page(&told).finish(None)?,
    }
    let serious = told.iter().any(|told| told.remark.weight.is_serious());
    Ok(if serious { Exit::Found } else { Exit::Clean })
}

fn of(file: &str, remarks: Vec<Remark>) -> impl Iterator<Item = Told> {
    remarks.into_iter().map(move |remark| Told { file: file.to_owned(), remark })
}

fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// The text of a file, or of standard input. Only a little more of it than is ever looked at.
fn text_of(path: &Path) -> Result<String> {
    let name = name_of(path);
    let open = || -> io::Result<Box<dyn Read>> {
        Ok(if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) })
    };
    let mut bytes = Vec::new();
    open()
        .and_then(|input| input.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > MAX_BYTES {
        bail!(
            "{name} is larger than {} MiB, and no audit policy: give the policy's own file",
            MAX_BYTES >> 20
        );
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow::anyhow!("{name} is no UTF-8 text: line {line}; save it as UTF-8")
    })
}

fn page(told: &[Told]) -> Page {
    let mut page = Page::new(None);
    for Told { file, remark } in told {
        let line = if remark.line == 0 { String::new() } else { format!(":{}", remark.line) };
        page.entry(0, remark.weight.as_str(), WIDTH, &format!("{file}{line}"));
        page.indented(WIDTH + 2, &remark.what);
        page.faint(WIDTH + 2, &remark.fix);
    }
    page.gap();
    page.line(&summary(told));
    page
}

/// Of the longest word for a weight.
const WIDTH: usize = 6;

fn summary(told: &[Told]) -> String {
    let counted = Weight::ALL.into_iter().filter_map(|weight| {
        let count = told.iter().filter(|told| told.remark.weight == weight).count();
        (count > 0).then(|| format!("{count} {weight}"))
    });
    let counted: Vec<String> = counted.collect();
    if counted.is_empty() { "nothing to remark".to_owned() } else { counted.join(", ") }
}
