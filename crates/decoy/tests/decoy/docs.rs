//! That docs/personas.md says what is so.

use sundew_decoy::{Persona, persona::built_in, plan::Choice};

use crate::given::{fitting, planned};

const PAGE: &str = include_str!("../../../../docs/personas.md");

#[test]
fn the_persona_that_it_shows_can_be_read_and_planted() {
    let (_, rest) = PAGE.split_once("```yaml\n").unwrap();
    let persona = Persona::read(rest.split("```").next().unwrap()).unwrap();
    let plan = planned(&persona, &fitting(&persona), &Choice::default()).unwrap();
    assert_eq!(plan.outside, ["partner"]);
}

#[test]
fn its_table_has_every_persona_with_its_title_namespaces_and_images() {
    for persona in built_in() {
        let row =
            PAGE.lines().find(|line| line.starts_with(&format!("| `{}` | {} |", persona.id, persona.title)));
        let row = row.unwrap_or_else(|| panic!("{}", persona.id));
        for namespace in &persona.namespaces {
            assert!(row.contains(&format!("`{namespace}`")), "{}: {namespace}", persona.id);
        }
        for (word, image) in persona.words.iter().filter(|(word, _)| word.ends_with("Image")) {
            let image_row = PAGE.lines().find(|line| line.contains(&format!("| `{word}` |")));
            assert!(image_row.is_some_and(|line| line.contains(image.as_str())), "{}", persona.id);
        }
    }
}
