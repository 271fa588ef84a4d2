//! Any text as an inventory: refused with words, or read, and then written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sundew_decoy::{Decoy, Inventory};

fuzz_target!(|text: &str| {
    match Inventory::read(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(inventory) => {
            let json = serde_json::to_string(&inventory).unwrap();
            assert_eq!(Inventory::read(&json).unwrap(), inventory);
        }
    }
    if let Ok(decoy) = Decoy::from_argument(text) {
        assert!(Inventory::of("default", vec![decoy], Vec::new()).is_ok());
    }
});
