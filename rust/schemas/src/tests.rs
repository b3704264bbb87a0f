use prost::Message;
use prost_types::FileDescriptorProto;

use crate::{Fault, Files, Source, known, read};

fn text(text: &str) -> Result<Files, Fault> {
    read("a.proto", Source::Text(text), &[])
}

fn linked(files: &Files) -> FileDescriptorProto {
    let (_, bytes) = files.linked.last().expect("the file itself");
    FileDescriptorProto::decode(bytes.as_slice()).expect("a descriptor")
}

#[test]
fn names_are_kept_as_written_and_linked_in_full() {
    let files = text("syntax = \"proto3\"; package p; message A { B b = 1; message B {} }");
    let files = files.expect("a schema");
    let written = FileDescriptorProto::decode(files.written.as_slice()).expect("a descriptor");
    assert_eq!(written.message_type[0].field[0].type_name(), "B");
    assert_eq!(
        linked(&files).message_type[0].field[0].type_name(),
        ".p.A.B"
    );
}

#[test]
fn every_known_file_is_linked() {
    for path in known::paths() {
        let importing = format!("syntax = \"proto3\"; import \"{path}\"; message A {{}}");
        let files = text(&importing).unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
        assert!(files.linked.iter().any(|(linked, _)| linked == path));
    }
    assert!(text("import \"google/protobuf/timestamp.proto\";").is_ok());
}

#[test]
fn a_fault_has_its_place() {
    let fault = text("syntax = \"proto3\";\nmessage A {\n  strin f = 1;\n}")
        .err()
        .expect("a fault");
    assert_eq!((fault.line, fault.column), (3, 3), "{fault:?}");
    let fault = text("syntax = \"proto3\";\nmessage A {\n  é")
        .err()
        .expect("a fault");
    assert_eq!((fault.line, fault.column), (3, 3), "{fault:?}");
    let fault = text("syntax = \"proto3\";\nimport \"b.proto\";")
        .err()
        .expect("a fault");
    assert_eq!((fault.line, fault.column), (2, 1), "{fault:?}");
}

#[test]
fn imports_are_linked_whatever_their_order() {
    let b = "syntax = \"proto3\"; import public \"c.proto\";";
    let c = "syntax = \"proto3\"; message C {}";
    let imports = [
        ("b.proto".to_owned(), Source::Text(b)),
        ("c.proto".to_owned(), Source::Text(c)),
    ];
    let a = "syntax = \"proto3\"; import \"b.proto\"; message A { C c = 1; }";
    let files = read("a.proto", Source::Text(a), &imports).expect("a schema");
    let paths: Vec<_> = files.linked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, [known::OPTIONS, "c.proto", "b.proto", "a.proto"]);
}

#[test]
fn a_circle_of_imports_is_a_fault() {
    let imports = [("b.proto".to_owned(), Source::Text("import \"a.proto\";"))];
    assert!(read("a.proto", Source::Text("import \"b.proto\";"), &imports).is_err());
    assert!(text("import \"a.proto\";").is_err());
}

#[test]
fn a_serialized_file_reads_as_its_text_does() {
    let told = text(
        "syntax = \"proto3\"; import \"confluent/meta.proto\"; message A { \
        string f = 1 [(confluent.field_meta).tags = \"PII\"]; }",
    );
    let told = told.expect("a schema");
    let (_, bytes) = told.linked.last().expect("the file itself");
    let again = read("b.proto", Source::Descriptor(bytes), &[]).expect("a schema");
    let mut renamed = linked(&again);
    assert_eq!(renamed.name(), "b.proto");
    renamed.name = Some("a.proto".to_owned());
    assert_eq!(renamed, linked(&told));
    assert!(read("b.proto", Source::Descriptor(b"\xff\xff"), &[]).is_err());
}

#[test]
fn a_serialized_file_that_no_parser_made_is_a_fault() {
    let told = text("syntax = \"proto3\"; message A { map<string, A> a = 1; }").expect("a schema");
    let spoil = |change: fn(&mut FileDescriptorProto)| {
        let mut file = linked(&told);
        change(&mut file);
        read("a.proto", Source::Descriptor(&file.encode_to_vec()), &[]).is_err()
    };
    assert!(!spoil(|_| ()));
    assert!(spoil(|file| file.syntax = Some("editions".to_owned())));
    assert!(spoil(|file| file.syntax = Some("proto4".to_owned())));
    assert!(spoil(|file| file.message_type[0].nested_type[0]
        .field
        .clear()));
    assert!(spoil(
        |file| file.message_type[0].nested_type[0].field[0].r#type = Some(12)
    ));
    assert!(spoil(
        |file| file.message_type[0].nested_type[0].field[0].number = Some(3)
    ));
    assert!(spoil(|file| file.message_type[0].name = None));
}

#[test]
fn depth_is_a_fault_and_no_crash() {
    let messages = "message A {".repeat(100_000);
    let braces = format!("option (a) = {}", "{ a ".repeat(100_000));
    let closed = format!(
        "option (a) = {}{};",
        "{ a ".repeat(100_000),
        "}".repeat(100_000)
    );
    let dots = format!("option a{} = 1;", ".b".repeat(100_000));
    for bomb in [messages, braces, closed, dots] {
        assert!(text(&bomb).is_err());
    }
}

#[test]
fn names_that_would_fill_the_memory_are_a_fault() {
    let package = format!("package a{};", ".a".repeat(500_000));
    let long = format!("package {};", "a".repeat(500_000));
    let fields: String = (1..1_000)
        .map(|n| format!("optional int32 f{n} = {n};"))
        .collect();
    for bomb in [package, format!("{long} message A {{ {fields} }}")] {
        assert!(text(&bomb).is_err());
    }
}

#[test]
fn many_faults_and_many_options_take_no_longer_than_one() {
    let twice = format!("{}{}", "message A {".repeat(30), "}".repeat(30)).repeat(500);
    assert!(text(&twice).is_err());
    let field = |n| format!("int32 f{n} = {n} [deprecated = false];");
    let fields: String = (1..15_000).map(field).collect();
    assert!(text(&format!("syntax = \"proto3\"; message A {{ {fields} }}")).is_ok());
}

#[test]
fn a_long_chain_of_imports_costs_no_stack() {
    let texts: Vec<_> = (0..5_000)
        .map(|n| format!("import \"{}\";", n + 1))
        .collect();
    let mut imports: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (n.to_string(), Source::Text(text)))
        .collect();
    imports.push(("5000".to_owned(), Source::Text("")));
    let files = read("a.proto", Source::Text("import \"0\";"), &imports).expect("a schema");
    assert_eq!(files.linked.len(), 5_003);
}
