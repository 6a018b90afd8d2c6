use std::path::Path;

use super::Place;

#[test]
fn the_data_directory_is_found_even_in_a_broken_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let config = here.join("c.yaml");
    let data = |text: &str| {
        std::fs::write(&config, text).unwrap();
        Place::of(Path::new("./c.yaml"), here).data
    };
    assert_eq!(data(""), here.join("countersign-data"));
    assert_eq!(data("data: state\nlisten: ${NOT_THERE}\nunknown: [1]\n"), here.join("state"));
    assert_eq!(data("data: /var/lib/countersign\n"), Path::new("/var/lib/countersign"));
    assert_eq!(data("data: [\n"), here.join("countersign-data"));
    assert_eq!(data("data: state\npeople: {\n"), here.join("state"));
    assert_eq!(Place::of(Path::new("c.yaml"), here).config, config);
    assert_eq!(Place::of(Path::new("none.yaml"), here).data, here.join("countersign-data"));
}
