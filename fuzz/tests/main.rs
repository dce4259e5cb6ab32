//! The files of `corpus/` and what once led to a failure, in every build.

use std::path::Path;

#[test]
fn every_input_of_the_corpus_keeps_what_must_hold() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, check) in fuzz::TARGETS {
        let files = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|_| panic!("no corpus of {name}"));
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "no input for {name}");
        for file in files {
            println!("{}", file.display());
            check(&std::fs::read(file).unwrap());
        }
    }
}
