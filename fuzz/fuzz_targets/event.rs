//! The fast reader and `serde_json` see the same event, or both refuse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sundew_audit::{
    parse,
    plain::{self, PlainEvent},
};

fuzz_target!(|text: &str| {
    match (parse::event(text), plain::event(text)) {
        (Ok(fast), Ok(plain)) => {
            assert_eq!(PlainEvent::from(&fast), plain);
            // What is asked of every event must have an answer for any text in it.
            let _ = (fast.time(), fast.code(), fast.peer(), fast.is_audit());
            let _ = fast.user.username.decode();
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("only serde_json refuses: {error}"),
        (Err(error), Ok(_)) => panic!("only the fast reader refuses: {error}"),
    }
});
