use bytes::Bytes;

use super::*;

/// A document's value, printed again.
fn through(document: &str) -> Option<String> {
    let value: Value<()> = parse(&Bytes::copy_from_slice(document.as_bytes()))?;
    let mut out = Vec::new();
    write(&value, &mut out).unwrap();
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn documents_are_printed_as_orjson_prints_them() {
    for (document, printed) in [
        ("{\"a\":1,\"b\":[true,null]}", "{\"a\":1,\"b\":[true,null]}"),
        (" { \"a\" : 1 , \"b\" : [ ] } ", "{\"a\":1,\"b\":[]}"),
        ("{\"a\":1,\"a\":2,\"b\":3,\"a\":4}", "{\"a\":4,\"b\":3}"),
        ("{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"),
        (
            "[-0,-0.0,1e5,1E-7,1e16,0.00001,5e-324]",
            "[0,-0.0,100000.0,1e-7,1e+16,0.00001,5e-324]",
        ),
        (
            "[18446744073709551615,18446744073709551616]",
            "[18446744073709551615,1.8446744073709552e+19]",
        ),
        (
            "[\"\\u001F\\u001f\\/\\u00e9\\ud83d\\ude00\"]",
            "[\"\\u001f\\u001f/é😀\"]",
        ),
    ] {
        assert_eq!(through(document).as_deref(), Some(printed), "{document}");
    }
}

#[test]
fn what_orjson_refuses_is_refused() {
    let deep = "[".repeat(1025) + &"]".repeat(1025);
    for document in [
        "",
        " ",
        "NaN",
        "1E400",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\u{feff}1",
        "01",
        "1.",
        ".5",
        "+1",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "null\0",
        "tru",
        "\"\t\"",
        "\"",
        "{\"a\"}",
        "[1 2]",
        "{1:2}",
        "-",
        "1e",
        "[}",
        &deep,
    ] {
        assert_eq!(through(document), None, "{document}");
    }
}
