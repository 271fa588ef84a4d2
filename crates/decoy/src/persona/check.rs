//! What is asked of a persona's file besides its shape.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Persona, PersonaError, Sign, VERSION};
use crate::{
    inventory::is_label,
    kinds,
    words::{self, Word},
    yaml::nearest,
};

/// Words that every persona has.
pub(crate) const COMMON: &[&str] = &["namespace", "cluster", "image", "random5", "random10", "hex6"];
/// Those that come out differently at each place.
const DIFFERENT: &[&str] = &["random5", "random10", "hex6"];
/// Words that name a placement, and whether they may stand in objects only.
const OF_PLACEMENT: &[(&str, bool)] = &[("secret", false), ("token", true), ("kubeconfig", true)];

type Checked = Result<(), PersonaError>;

fn wrong(at: impl Into<String>, problem: impl Into<String>) -> PersonaError {
    PersonaError::Value { at: at.into(), problem: problem.into() }
}

/// Where a text stands decides which words it may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Word,
    Secret,
    Location,
    Object,
}

pub(super) fn check(persona: &Persona) -> Checked {
    if persona.version != VERSION {
        return Err(PersonaError::Version(persona.version));
    }
    if !is_label(&persona.id) {
        return Err(wrong(
            "id",
            format!("`{}` is no name: lower-case letters, digits and hyphens", persona.id),
        ));
    }
    texts(persona)?;
    own_words(persona)?;
    for (i, namespace) in persona.namespaces.iter().enumerate() {
        if !is_label(namespace) {
            return Err(wrong(format!("namespaces[{i}]"), format!("`{namespace}` is no namespace's name")));
        }
    }
    for (list, signs) in [("collides", &persona.collides), ("fits", &persona.fits)] {
        for (i, sign) in signs.iter().enumerate() {
            self::sign(sign, &format!("{list}[{i}]"))?;
        }
    }
    rights(persona)?;
    placements(persona)?;
    objects(persona)
}

fn texts(persona: &Persona) -> Checked {
    let lists = [("wary", &persona.wary), ("believable", &persona.believable), ("avoid", &persona.avoid)];
    let singles = [("title", &persona.title), ("tempts", &persona.tempts)];
    let listed = lists
        .iter()
        .flat_map(|(at, list)| list.iter().enumerate().map(move |(i, t)| (format!("{at}[{i}]"), t)));
    for (at, text) in singles.iter().map(|(at, t)| ((*at).to_owned(), *t)).chain(listed) {
        if text.trim().is_empty() {
            return Err(wrong(at, "is empty; say it in a sentence"));
        }
    }
    let manager = &persona.field_manager;
    // The API server takes up to 128 printable characters (`ValidateFieldManager` in apimachinery).
    if manager.is_empty() || manager.len() > 128 || !manager.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(wrong("fieldManager", "needs 1 to 128 printable characters without spaces"));
    }
    Ok(())
}

fn own_words(persona: &Persona) -> Checked {
    if !persona.words.contains_key("account") {
        return Err(wrong("words", "there is no `account`; add it with the ServiceAccount's name"));
    }
    for (name, text) in &persona.words {
        let at = format!("words.{name}");
        if !words::is_name(name) {
            return Err(wrong(at, "a word is a small letter followed by letters and digits"));
        }
        if COMMON.contains(&name.as_str()) || OF_PLACEMENT.iter().any(|(word, _)| word == name) {
            return Err(wrong(at, "every persona has a word of that name already; choose another"));
        }
        known_words(persona, text, Place::Word, &at)?;
        if reaches(persona, name, name, &mut BTreeSet::new()) {
            return Err(wrong(at, "it is made of itself"));
        }
    }
    Ok(())
}

/// Whether the text of word `from` needs word `to`, through others too.
fn reaches(persona: &Persona, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
    let Some(text) = persona.words.get(from) else { return false };
    words::scan(text).any(|word| {
        word.name == to || (seen.insert(word.name.into()) && reaches(persona, word.name, to, seen))
    })
}

fn known_words(persona: &Persona, text: &str, place: Place, at: &str) -> Checked {
    words::scan(text).try_for_each(|word| known_word(persona, &word, place, at))
}

fn known_word(persona: &Persona, word: &Word<'_>, place: Place, at: &str) -> Checked {
    let Some(of) = word.of else {
        if COMMON.contains(&word.name) || persona.words.contains_key(word.name) {
            return Ok(());
        }
        let known = COMMON.iter().copied().chain(persona.words.keys().map(String::as_str));
        let hint = nearest(word.name, known).map(|near| format!("; did you mean `{{{near}}}`?"));
        let whole = word.whole;
        let hint = hint.unwrap_or_else(|| "; add it to `words`".into());
        return Err(wrong(at, format!("there is no word `{whole}`{hint}")));
    };
    let whole = word.whole;
    let Some((_, in_objects)) = OF_PLACEMENT.iter().find(|(name, _)| *name == word.name) else {
        return Err(wrong(
            at,
            format!("there is no word `{whole}`; `secret`, `token` and `kubeconfig` name a placement"),
        ));
    };
    let allowed = match place {
        Place::Object => true,
        Place::Location => !in_objects,
        Place::Word | Place::Secret => false,
    };
    if !allowed {
        return Err(wrong(at, format!("`{whole}` cannot stand here, only in objects")));
    }
    let Some(placement) = persona.placements.iter().find(|placement| placement.name == of) else {
        return Err(wrong(at, format!("`{whole}`: there is no placement `{of}`")));
    };
    if placement.outside && place == Place::Object {
        let problem = "is for use outside the cluster; a copy inside needs a placement of its own";
        return Err(wrong(at, format!("`{whole}`: placement `{of}` {problem}")));
    }
    Ok(())
}

fn sign(sign: &Sign, at: &str) -> Checked {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.:*".contains(&c);
    if sign.name.is_empty() || !sign.name.bytes().all(fits) {
        let problem = format!("`{}` is no name, nor one with `*` for any letters", sign.name);
        return Err(wrong(format!("{at}.name"), problem));
    }
    if sign.name.bytes().all(|c| c == b'*') {
        return Err(wrong(format!("{at}.name"), "`*` alone is found in every cluster; name more"));
    }
    match &sign.namespace {
        Some(namespace) if !is_label(namespace) => {
            Err(wrong(format!("{at}.namespace"), format!("`{namespace}` is no namespace's name")))
        }
        _ => Ok(()),
    }
}

fn rights(persona: &Persona) -> Checked {
    for (i, right) in persona.rights.iter().enumerate() {
        let at = format!("rights[{i}]");
        let lists = [&right.verbs, &right.api_groups, &right.resources, &right.resource_names];
        let all = lists.into_iter().flatten().chain(&right.non_resource_urls);
        for text in all.clone() {
            known_words(persona, text, Place::Secret, &at)?;
        }
        if all.into_iter().any(|text| text.contains('*')) {
            return Err(wrong(at, "a decoy with `*` in its rights is a hole; list what it may do"));
        }
        if right.verbs.is_empty() || right.resources.is_empty() == right.non_resource_urls.is_empty() {
            return Err(wrong(at, "needs `verbs`, and either `resources` or `nonResourceURLs`"));
        }
        if !right.resources.is_empty() && right.api_groups.is_empty() {
            return Err(wrong(at, "`resources` needs `apiGroups`; the core group is \"\""));
        }
    }
    Ok(())
}

fn placements(persona: &Persona) -> Checked {
    if persona.placements.is_empty() {
        return Err(wrong("placements", "a decoy needs at least one, or there is nothing to steal"));
    }
    for (i, placement) in persona.placements.iter().enumerate() {
        let at = format!("placements[{i}]");
        if !is_label(&placement.name) {
            let problem = format!("`{}` is no name: lower-case letters, digits and hyphens", placement.name);
            return Err(wrong(format!("{at}.name"), problem));
        }
        let before = &persona.placements[..i];
        if before.iter().any(|other| other.name == placement.name) {
            return Err(wrong(format!("{at}.name"), format!("`{}` stands twice", placement.name)));
        }
        let secret = format!("{at}.secret");
        known_words(persona, &placement.secret, Place::Secret, &secret)?;
        settable(persona, &placement.secret, &secret)?;
        // With a random part in the text itself, each comes out differently.
        let random = words::scan(&placement.secret).any(|word| DIFFERENT.contains(&word.name));
        if !random && before.iter().any(|other| other.secret == placement.secret) {
            return Err(wrong(
                secret,
                "is the Secret of another placement; each needs its own, so that alerts name the place",
            ));
        }
        if placement.location.trim().is_empty() {
            return Err(wrong(format!("{at}.location"), "is empty; say where the copy lies"));
        }
        known_words(persona, &placement.location, Place::Location, &format!("{at}.location"))?;
        if let Some(workload) = &placement.mounted_by {
            mounted_by(persona, workload, placement.outside, &format!("{at}.mountedBy"))?;
        }
    }
    Ok(())
}

fn mounted_by(persona: &Persona, workload: &str, outside: bool, at: &str) -> Checked {
    if outside {
        return Err(wrong(at, "a placement for use outside the cluster is mounted by nothing in it"));
    }
    known_words(persona, workload, Place::Secret, at)?;
    let there = persona.objects.iter().any(|draft| {
        let manifest = &draft.manifest;
        let kind = manifest["kind"].as_str().and_then(kinds::of);
        kind.is_some_and(|kind| kind.pod.is_some()) && manifest["metadata"]["name"] == workload
    });
    let problem = || format!("no workload among `objects` has `{workload}` as its `metadata.name`");
    if there { Ok(()) } else { Err(wrong(at, problem())) }
}

/// A name must hold one of the persona's own words, so that a user can set another where it is taken.
fn settable(persona: &Persona, name: &str, at: &str) -> Checked {
    let own = words::scan(name).any(|word| persona.words.contains_key(word.name) || word.of.is_some());
    let problem = "holds no word of `words`; without one nobody can set another name where it is taken";
    if own { Ok(()) } else { Err(wrong(at, problem)) }
}

fn objects(persona: &Persona) -> Checked {
    let mut names = BTreeSet::new();
    for (i, draft) in persona.objects.iter().enumerate() {
        let at = format!("objects[{i}].manifest");
        let kind = draft.manifest["kind"].as_str().unwrap_or_default();
        let Some(known) = kinds::of(kind) else {
            let problem = format!("a decoy cannot have a `{kind}`; it can have {}", kinds::names());
            return Err(wrong(format!("{at}.kind"), problem));
        };
        if draft.manifest["apiVersion"] != known.api_version {
            return Err(wrong(format!("{at}.apiVersion"), format!("a {kind} is of `{}`", known.api_version)));
        }
        if !known.parts.contains(&draft.part) {
            let parts: Vec<String> =
                known.parts.iter().map(|part| format!("`{part:?}`").to_lowercase()).collect();
            let problem = format!("a {kind} is of part {}", parts.join(" or "));
            return Err(wrong(format!("objects[{i}].part"), problem));
        }
        let Some(name) = draft.manifest["metadata"]["name"].as_str() else {
            return Err(wrong(format!("{at}.metadata.name"), "is missing"));
        };
        settable(persona, name, &format!("{at}.metadata.name"))?;
        if !names.insert((kind, name)) {
            return Err(wrong(at, format!("a {kind} `{name}` stands twice")));
        }
        in_values(persona, &draft.manifest, &at)?;
        if let Some(other) =
            draft.serves.iter().find(|name| !persona.placements.iter().any(|p| p.name == **name))
        {
            return Err(wrong(format!("objects[{i}].serves"), format!("there is no placement `{other}`")));
        }
    }
    Ok(())
}

fn in_values(persona: &Persona, value: &Value, at: &str) -> Checked {
    match value {
        Value::String(text) => known_words(persona, text, Place::Object, at),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, item)| in_values(persona, item, &format!("{at}[{i}]")))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(key, item)| {
            let at = format!("{at}.{key}");
            known_words(persona, key, Place::Object, &at)?;
            in_values(persona, item, &at)
        }),
        _ => Ok(()),
    }
}
