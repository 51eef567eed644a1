//! XML documents of a size that can be parsed in seconds, and their elements, whatever their namespace.

use roxmltree::{Document, Node};

use super::super::reason::Reason;

/// No header is longer than this, in bytes; a damaged one may claim to be.
pub(in crate::format) const LONGEST: u64 = 16 << 20;
/// Tags, comments and the like of a document, and so many attributes: the parser takes memory for each of them first.
const MOST_TAGS: usize = 500_000;
/// Attributes of an element, which are compared with each other, and namespaces of a document, which are compared with
/// every name.
const MOST_ATTRIBUTES: usize = 200;

/// The error says why it is no XML, or too much of it.
pub(in crate::format) fn parse(xml: &str) -> Result<Document<'_>, Reason> {
    let bytes = xml.as_bytes();
    let count = |wanted: u8| bytes.iter().filter(|&&byte| byte == wanted).count();
    let exceeded = match () {
        () if bytes.len() as u64 > LONGEST => Some(format!("{} bytes", bytes.len())),
        () if count(b'<') > MOST_TAGS => Some(format!("{} tags", count(b'<'))),
        () if count(b'=') > MOST_TAGS => Some(format!("{} equals signs", count(b'='))),
        () if xml.matches("xmlns").nth(MOST_ATTRIBUTES).is_some() => {
            Some(format!("more than {MOST_ATTRIBUTES} namespaces"))
        }
        // no attribute holds a <
        () if xml.split('<').skip(1).any(|tag| attributes(tag) > MOST_ATTRIBUTES) => {
            Some(format!("an element of more than {MOST_ATTRIBUTES} attributes"))
        }
        () => None,
    };
    match exceeded {
        Some(what) => Err(format!("XML with {what}, which is no header").into()),
        None => Document::parse(xml).map_err(|e| Reason::new(format!("not XML: {e}"), e)),
    }
}

/// How many attributes begin before the end of a tag.
fn attributes(tag: &str) -> usize {
    let (mut count, mut quote) = (0, None);
    for byte in tag.bytes() {
        match (quote, byte) {
            (None, b'>') => break,
            (None, b'=') => count += 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    count
}

pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|c| c.tag_name().name() == name)
}

pub(super) fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim)
}

pub(super) fn number<T: std::str::FromStr>(node: Node, name: &str) -> Option<T> {
    text(node, name)?.parse().ok()
}

/// A count, as `40` or `40.0`.
pub(super) fn whole(node: Node, name: &str) -> Option<usize> {
    let text = text(node, name)?;
    let of_real = |value: f64| (value.fract() == 0.0 && (0.0..1e15).contains(&value)).then_some(value as usize);
    text.parse().ok().or_else(|| of_real(text.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn why(xml: &str) -> String {
        parse(xml).expect_err("too much").to_string()
    }

    /// The most that each limit lets pass, and more than that.
    #[test]
    fn nothing_takes_long() {
        let start = Instant::now();
        let many = |n: usize, text: &dyn Fn(usize) -> String| (0..n).map(text).collect::<String>();
        let element = |n: usize| format!("<e {}/>", many(n, &|i| format!("a{i}='>' ")));
        let space = |i: usize| format!("<e xmlns:a{i}='{i}'>");
        let ends = |n: usize| "</e>".repeat(n);
        let spaces = many(199, &space) + &"<a0:e/>".repeat(400_000) + &ends(199);
        let long = LONGEST as usize;
        for (accepted, refused, is) in [
            (
                element(200).repeat(2499),
                element(201),
                "an element of more than 200 attributes",
            ),
            (spaces, many(201, &space), "more than 200 namespaces"),
            ("<e/>".repeat(499_998), "<e/>".repeat(499_999), "500001 tags"),
            ("<e>".repeat(249_999) + &ends(249_999), "<".repeat(long / 2), "tags"),
            (
                "<![CDATA[a]]>".repeat(499_998),
                "=".repeat(500_001),
                "500001 equals signs",
            ),
            ("&amp;".repeat(long / 5 - 2), " ".repeat(long), "16777223 bytes"),
        ] {
            let document = |text: &str| format!("<h>{text}</h>");
            parse(&document(&accepted)).unwrap();
            let why = why(&document(&refused));
            assert!(why.contains(is), "{why}");
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn an_entity_is_not_expanded() {
        assert!(why("<!DOCTYPE h [<!ENTITY a 'aaaa'>]><h>&a;</h>").contains("not XML"));
        assert_eq!(attributes("a x = '>=' y=\"'\" > = =="), 2);
    }
}
