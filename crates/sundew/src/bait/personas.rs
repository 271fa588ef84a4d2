//! `sundew personas`: the stories that decoys can tell, and which of them fit a cluster.

use anyhow::Result;
use serde_json::{Value, json};
use sundew_bait::survey;
use sundew_decoy::persona::{Persona, Right, Sign};

use super::{cluster, known_personas, persona_of, print_json, runtime, yaml_text};
use crate::{
    args::{self, Output},
    exit::Exit,
    page::Page,
};

/// The name that a cluster goes by where only personas are looked at.
const HERE: &str = "default";

pub(crate) fn run(args: &args::Personas) -> Result<Exit> {
    let all = known_personas(&args.personas)?;
    let shown: Vec<Persona> = match &args.id {
        Some(id) => vec![persona_of(&all, id)?.clone()],
        None => all,
    };
    let fits = if args.asks() { Some(runtime()?.block_on(fits(args, &shown))?) } else { None };
    if args.output == Output::Json {
        print_json(&as_json(&shown, fits.as_deref()))?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    match (&args.id, shown.first()) {
        (Some(_), Some(persona)) => {
            show(&mut page, persona)?;
            if let Some(fit) = fits.as_deref().and_then(<[Fit]>::first) {
                page.heading("In this cluster", "");
                page.indented(2, &format!("fits: {}; {}", fit.word(), fit.because));
            }
        }
        _ => list(&mut page, &shown, fits.as_deref()),
    }
    page.finish(None)?;
    Ok(Exit::Clean)
}

/// How a persona fits the cluster.
pub(super) struct Fit {
    pub(super) id: String,
    pub(super) usable: bool,
    /// Whether it is one to begin with.
    pub(super) suggested: bool,
    pub(super) because: String,
}

impl Fit {
    fn word(&self) -> &'static str {
        match (self.usable, self.suggested) {
            (true, true) => "yes",
            (true, false) => "possible",
            (false, _) => "no",
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({"persona": self.id, "usable": self.usable, "suggested": self.suggested, "because": self.because})
    }
}

async fn fits(args: &args::Personas, personas: &[Persona]) -> Result<Vec<Fit>> {
    let connection = cluster::connect(&args.reach).await?;
    let looked = cluster::look(&connection, HERE).await?;
    Ok(suggested(personas, &looked))
}

/// All personas, those that fit best first.
pub(super) fn suggested(personas: &[Persona], looked: &cluster::Looked) -> Vec<Fit> {
    survey::suggest(personas, &looked.around)
        .into_iter()
        .map(|of| Fit {
            id: of.persona.id.clone(),
            usable: of.usable,
            suggested: of.suggested,
            because: of.because,
        })
        .collect()
}

fn as_json(personas: &[Persona], fits: Option<&[Fit]>) -> Value {
    let fit = |id: &str| fits.and_then(|fits| fits.iter().find(|fit| fit.id == id));
    let each = personas.iter().map(|persona| match fit(&persona.id) {
        Some(fit) => json!({"persona": persona, "fit": fit.as_json()}),
        None => json!({"persona": persona}),
    });
    each.collect()
}

fn list(page: &mut Page, personas: &[Persona], fits: Option<&[Fit]>) {
    if let Some(fits) = fits {
        suggestions(page, personas, fits);
    } else {
        let row = |persona: &Persona| vec![persona.id.clone(), at(persona), persona.title.clone()];
        page.columns(&["PERSONA", "NAMESPACE", "STORY"], &personas.iter().map(row).collect::<Vec<_>>());
    }
    page.gap();
    page.line("`sundew personas ID` shows one with everything that it would make; `sundew plant --persona ID` plants it.");
}

/// The personas in the order in which they fit.
pub(super) fn suggestions(page: &mut Page, personas: &[Persona], fits: &[Fit]) {
    let row = |fit: &Fit| {
        let persona = personas.iter().find(|persona| persona.id == fit.id);
        vec![fit.id.clone(), persona.map(at).unwrap_or_default(), fit.word().to_owned(), fit.because.clone()]
    };
    page.columns(&["PERSONA", "NAMESPACE", "FITS", "BECAUSE"], &fits.iter().map(row).collect::<Vec<_>>());
}

fn at(persona: &Persona) -> String {
    if persona.namespaces.is_empty() { "any (-n)".to_owned() } else { persona.namespaces.join(", ") }
}

/// Everything about one.
fn show(page: &mut Page, persona: &Persona) -> Result<()> {
    page.heading(&persona.id, &format!(": {}", persona.title));
    page.gap();
    page.entry(2, "Tempts", 11, &persona.tempts);
    page.entry(2, "Namespace", 11, &at(persona));
    page.entry(2, "Made by", 11, &format!("field manager {}", persona.field_manager));
    for (title, lines) in [
        ("What a wary intruder would check", &persona.wary),
        ("What it needs to be believable", &persona.believable),
        ("Where it must not be used", &persona.avoid),
    ] {
        section(page, title, lines);
    }
    section(page, "Refused where there is", &persona.collides.iter().map(sign).collect::<Vec<_>>());
    section(page, "Suggested where there is", &persona.fits.iter().map(sign).collect::<Vec<_>>());
    page.heading("Words", ", set otherwise with --set WORD=VALUE");
    let width = persona.words.keys().map(String::len).max().unwrap_or_default();
    for (word, value) in &persona.words {
        page.entry(2, word, width, value);
    }
    page.heading("What the account may do", " besides what every account may");
    if persona.rights.is_empty() {
        page.indented(2, "nothing");
    }
    persona.rights.iter().for_each(|right| page.indented(2, &in_words(right)));
    page.heading("Placements", ", each with a Secret of its own");
    for placement in &persona.placements {
        let outside = if placement.outside { ", a kubeconfig file for you to put there" } else { "" };
        page.indented(2, &format!("{}: Secret {}", placement.name, placement.secret));
        page.faint(4, &format!("{}{outside}", placement.location));
    }
    page.heading("What is made", ", in this order");
    page.indented(2, "ServiceAccount {account}, and the Secrets above");
    for draft in &persona.objects {
        page.gap();
        for line in yaml_text(&draft.manifest)?.lines() {
            let text = line.trim_start();
            page.indented(4 + line.len() - text.len(), text);
        }
    }
    Ok(())
}

fn section(page: &mut Page, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.heading(title, "");
    lines.iter().for_each(|line| page.indented(2, &format!("- {line}")));
}

fn sign(sign: &Sign) -> String {
    let kind = sign.kind;
    match &sign.namespace {
        Some(namespace) => format!("{kind} {namespace}/{}", sign.name),
        None => format!("{kind} {}", sign.name),
    }
}

fn in_words(right: &Right) -> String {
    let mut said = right.verbs.join(", ");
    if !right.resources.is_empty() {
        said.push_str(&format!(" {}", right.resources.join(", ")));
        let groups: Vec<&str> =
            right.api_groups.iter().map(String::as_str).filter(|g| !g.is_empty()).collect();
        if !groups.is_empty() {
            said.push_str(&format!(" of {}", groups.join(", ")));
        }
        if !right.resource_names.is_empty() {
            said.push_str(&format!(", only {}", right.resource_names.join(", ")));
        }
    }
    if !right.non_resource_urls.is_empty() {
        said.push_str(&format!(" {}", right.non_resource_urls.join(", ")));
    }
    said
}
