//! temporary
#[test]
fn view() {
    for entry in std::fs::read_dir("/tmp/view").unwrap() {
        let p = entry.unwrap().path();
        if p.extension().is_some_and(|e| e == "json") {
            let t = std::time::Instant::now();
            let r: sundew_posture::report::Report =
                serde_json::from_slice(&std::fs::read(&p).unwrap()).unwrap();
            let base = p.with_file_name("base").join(p.file_name().unwrap());
            let c = std::fs::read(base)
                .ok()
                .map(|b| sundew_posture::report::compare(&serde_json::from_slice(&b).unwrap(), &r));
            let t1 = std::time::Instant::now();
            let h = sundew_posture::render::html(&r, c.as_ref()).unwrap();
            println!("{p:?} read {:?} html {:?} {} bytes", t1 - t, t1.elapsed(), h.len());
            std::fs::write(p.with_extension("html"), h).unwrap();
            let o = sundew_posture::render::SarifOptions::default();
            std::fs::write(p.with_extension("sarif"), sundew_posture::render::sarif(&r, o).unwrap()).unwrap();
        }
    }
}
