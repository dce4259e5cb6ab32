use super::*;

fn file(text: &str) -> Result<Sources, String> {
    let mut sources = Sources::defaults();
    sources.take_file(Path::new("conclave.toml"), text).map(|()| sources).map_err(|failure| failure.text)
}

fn environment(variables: &[(&str, &str)]) -> Result<Sources, String> {
    let mut sources = Sources::defaults();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), Ok((*value).to_owned())));
    sources.take_environment(variables).map(|()| sources).map_err(|failure| failure.text)
}

#[test]
fn the_later_source_wins() {
    let mut sources = file("[public]\nlisten = \"127.0.0.1:1\"\n").unwrap();
    assert_eq!(sources.text("public.listen"), "127.0.0.1:1");
    sources
        .take_environment([("CONCLAVE_PUBLIC_LISTEN".into(), Ok("127.0.0.1:2".into()))].into_iter())
        .unwrap();
    assert_eq!(sources.text("public.listen"), "127.0.0.1:2");
    sources.take_option("public.listen", Some("127.0.0.1:3".into()));
    assert_eq!(sources.text("public.listen"), "127.0.0.1:3");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    for (text, near) in [
        ("[public]\nlissen = \"x\"", "public.listen"),
        ("memmory = 1", "memory"),
        ("[retention]\nbites = 1", "retention.bytes"),
        ("[pasword]\npasses = 1", "password.passes"),
        ("public = 1", "public.url"),
    ] {
        let said = file(text).err().unwrap();
        assert!(said.contains(near), "{said}");
    }
    for (name, near) in
        [("CONCLAVE_PUBLIC_LISSEN", "CONCLAVE_PUBLIC_LISTEN"), ("CONCLAVE_MASTERKEY", "CONCLAVE_MASTER_KEY")]
    {
        let said = environment(&[(name, "x")]).err().unwrap();
        assert!(said.contains(&format!("nearest is {near}")), "{said}");
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    let sources = environment(&[("PATH", "x"), ("CONCLAVE_CACHE", "/c"), ("CONCLAVE_MEMORY", "")]).unwrap();
    assert_eq!(sources.text("memory"), "256MiB");
}

#[test]
fn a_secret_does_not_stand_in_the_file() {
    let said = file("master_key = \"00\"").err().unwrap();
    assert!(said.contains("master_key_file") && said.contains("CONCLAVE_MASTER_KEY"), "{said}");
}

#[test]
fn secrets_are_masked() {
    let sources = environment(&[("CONCLAVE_MASTER_KEY", "0123456789")]).unwrap();
    let shown = sources.shown();
    let (_, text, origin) = shown.iter().find(|(key, ..)| key.name == "master_key").unwrap();
    assert_eq!((text.as_str(), *origin), (MASK, Origin::Environment));
    assert!(!format!("{shown:?}").contains("0123456789"));
}

#[test]
fn a_broken_file_is_refused_with_its_line() {
    let said = file("memory = 1\n\npublic.listen = \n").err().unwrap();
    assert!(said.starts_with("conclave.toml, line 3"), "{said}");
    assert!(file("memory = [1]").err().unwrap().contains("\"memory\" is a text or a whole number"));
}
