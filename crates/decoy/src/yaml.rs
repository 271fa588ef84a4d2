//! Reads YAML into typed settings, with errors that name the line, the column and the nearest known key.

use serde::de::{DeserializeOwned, DeserializeSeed};
use thiserror::Error;

/// The largest settings file that is read, in bytes: ten thousand decoys take about two million.
pub const MAX_BYTES: u64 = 16 << 20;

/// What is wrong with a YAML text.
#[derive(Debug, Error)]
#[error("{}{problem}{}", .place.map_or(String::new(), |(line, column)| format!("line {line}, column {column}: ")), .hint.as_ref().map_or(String::new(), |h| format!("; {h}")))]
pub struct YamlError {
    /// Line and column, both from 1, where they are known.
    pub place: Option<(u64, u64)>,
    /// What is wrong there.
    pub problem: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// Reads `text` as one YAML document.
///
/// # Errors
///
/// Where it is no YAML, has a key that `T` does not know, a key twice, or a value of another type. Anchors and
/// depth are bounded by the parser's budget, so a small file cannot grow without limit.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    serde_saphyr::from_str(text).map_err(|error| explain(&error))
}

/// Reads `text` as one YAML document by `seed`.
///
/// # Errors
///
/// As [`read`].
pub fn read_with<'t, S: DeserializeSeed<'t>>(text: &'t str, seed: S) -> Result<S::Value, YamlError> {
    serde_saphyr::with_deserializer_from_str(text, |document| seed.deserialize(document))
        .map_err(|error| explain(&error))
}

fn explain(error: &serde_saphyr::Error) -> YamlError {
    let error = error.without_snippet();
    let place = error.location().map(|l| (l.line(), l.column())).filter(|(line, _)| *line > 0);
    let said = error.to_string();
    // The parser adds the place in words of its own; it is told apart here once and in one form.
    let problem = said.lines().next().unwrap_or_default();
    let problem = problem.split(" at line ").next().unwrap_or(problem).trim_start_matches("error: ");
    YamlError { place, problem: problem.to_owned(), hint: nearest_key(problem) }
}

/// For "unknown field `x`, expected one of a, b": the known key nearest to the unknown one.
fn nearest_key(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("unknown field `").or_else(|| said.split_once("unknown variant `"))?;
    let (unknown, rest) = rest.split_once('`')?;
    let (_, known) = rest.lines().next()?.split_once("expected ")?;
    let known = known.trim_start_matches("one of ").split(", ").map(|key| key.trim_matches(['`', ' ', '.']));
    nearest(unknown, known).map(|key| format!("did you mean `{key}`?"))
}

/// The word of `known` nearest to `word`, if one is near enough to be meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&k.to_lowercase(), &word.to_lowercase()), k))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, k)| *distance <= 1 + k.len().max(word.len()) / 3)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Settings {
        #[allow(dead_code)]
        cluster: String,
        #[serde(default)]
        #[allow(dead_code)]
        min_severity: Option<u8>,
    }

    fn error(text: &str) -> String {
        read::<Settings>(text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
        let said = error("cluster: a\nminSevrity: 3\n");
        assert!(said.starts_with("line 2, column 1: unknown field `minSevrity`"), "{said}");
        assert!(said.ends_with("did you mean `minSeverity`?"), "{said}");
    }

    #[test]
    fn a_key_that_resembles_none_gets_no_guess() {
        let said = error("cluster: a\nfrobnicate: 3\n");
        assert!(!said.contains("did you mean"), "{said}");
    }

    #[test]
    fn wrong_types_duplicates_and_broken_yaml_have_a_place() {
        for (text, line) in
            [("cluster: a\nminSeverity: x\n", 2), ("cluster: a\ncluster: b\n", 2), ("cluster: [a\n", 1)]
        {
            let error = read::<Settings>(text).unwrap_err();
            assert!(error.place.is_some_and(|(l, _)| l >= line), "{error}");
        }
    }

    #[test]
    fn a_yaml_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 10].join(",");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(read::<serde_json::Value>(&text).is_err());
    }
}
