//! Bodies of two lengths, of none, or cut into chunks that are not.

use super::{Case, forgetful, try_cases};

const CASES: &[Case] = &[
    ("chunks as they should be", |asked| asked.chunk(&format!("{}\r\n", asked.hex()), "\r\n0\r\n\r\n"), &[&[200]], 1),
    (
        "a chunk with an extension",
        |asked| asked.chunk(&format!("{};a=b;c\r\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[200]],
        1,
    ),
    (
        "chunks with trailers",
        |asked| asked.chunk(&format!("{}\r\n", asked.hex()), "\r\n0\r\nX-After: x\r\n\r\n"),
        &[&[200]],
        1,
    ),
    (
        "a length with zeros before it",
        |asked| asked.chunk(&format!("0000{}\r\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[200]],
        1,
    ),
    ("a chunk's length with 0x", |asked| asked.chunk(&format!("0x{}\r\n", asked.hex()), "\r\n0\r\n\r\n"), &[&[400]], 0),
    ("a negative chunk", |asked| asked.chunk(&format!("-{}\r\n", asked.hex()), "\r\n0\r\n\r\n"), &[&[400]], 0),
    (
        "a chunk's length with a plus",
        |asked| asked.chunk(&format!("+{}\r\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    (
        "a chunk's length with a space before it",
        |asked| asked.chunk(&format!(" {}\r\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    (
        "a chunk's length with an underscore",
        |asked| asked.chunk(&format!("{}_0\r\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    ("a chunk without a length", |asked| asked.chunk("\r\n", "\r\n0\r\n\r\n"), &[&[400]], 0),
    ("a chunk of 16 EiB", |asked| asked.chunk("ffffffffffffffff0\r\n", "\r\n0\r\n\r\n"), &[&[400]], 0),
    (
        "a chunk whose line ends without a carriage return",
        |asked| asked.chunk(&format!("{}\n", asked.hex()), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    (
        "an extension of 1 MiB",
        |asked| asked.chunk(&format!("{};{}\r\n", asked.hex(), "x".repeat(1 << 20)), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    (
        "extensions of 1 MiB together",
        |asked| {
            let pieces = asked
                .bundle
                .iter()
                .map(|byte| [format!("1;{}\r\n", "x".repeat(100)).as_bytes(), &[*byte], b"\r\n"].concat());
            asked.chunked(&[pieces.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat())
        },
        &[&[400]],
        0,
    ),
    (
        "a chunk that is longer than its length",
        |asked| asked.chunk(&format!("{:x}\r\n", asked.bundle.len() - 7), "\r\n0\r\n\r\n"),
        &[&[400]],
        0,
    ),
    ("a chunk without its end", |asked| asked.chunk(&format!("{}\r\n", asked.hex()), "0\r\n\r\n"), &[&[400]], 0),
    (
        "trailers of 1 MiB",
        |asked| {
            asked.chunk(&format!("{}\r\n", asked.hex()), &format!("\r\n0\r\nX-After: {}\r\n\r\n", "x".repeat(1 << 20)))
        },
        &[&[400]],
        0,
    ),
    (
        "10,000 trailers",
        |asked| {
            asked.chunk(&format!("{}\r\n", asked.hex()), &format!("\r\n0\r\n{}\r\n", "X-After: x\r\n".repeat(10_000)))
        },
        &[&[400]],
        0,
    ),
    (
        "a trailer that is none",
        |asked| asked.chunk(&format!("{}\r\n", asked.hex()), "\r\n0\r\nno trailer\r\n\r\n"),
        &[&[400]],
        0,
    ),
    (
        "trailers that would be another length",
        |asked| {
            asked.chunk(
                &format!("{}\r\n", asked.hex()),
                "\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            )
        },
        &[&[200, 400]],
        1,
    ),
    (
        "a length and chunks",
        |asked| {
            let body =
                [format!("{}\r\n", asked.hex()).as_bytes(), &asked.bundle, b"\r\n0\r\n\r\n", &asked.get("/", "")]
                    .concat();
            [kept(asked, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), body].concat()
        },
        &[&[200]],
        1,
    ),
    (
        "chunks and a length",
        |asked| {
            let body =
                [format!("{}\r\n", asked.hex()).as_bytes(), &asked.bundle, b"\r\n0\r\n\r\n", &asked.get("/", "")]
                    .concat();
            [kept(asked, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), body].concat()
        },
        &[&[200]],
        1,
    ),
    (
        "chunks of HTTP/1.0",
        |asked| {
            let head = format!("POST /upload HTTP/1.0\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", asked.host);
            [head.as_bytes(), format!("{}\r\n", asked.hex()).as_bytes(), &asked.bundle, b"\r\n0\r\n\r\n"].concat()
        },
        &[&[400]],
        0,
    ),
    (
        "a coding that nobody knows",
        |asked| [asked.upload("Transfer-Encoding: xchunked\r\n"), asked.bundle.clone()].concat(),
        &[&[400, 501]],
        0,
    ),
    (
        "chunks that are not the last coding",
        |asked| [asked.upload("Transfer-Encoding: chunked, identity\r\n"), asked.bundle.clone()].concat(),
        &[&[400, 501]],
        0,
    ),
    (
        "a coding with a line break before it",
        |asked| [asked.upload("Transfer-Encoding:\n chunked\r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a coding with a tab behind it",
        |asked| {
            [
                asked.upload("Transfer-Encoding: chunked\t\r\n"),
                format!("{}\r\n", asked.hex()).into(),
                asked.bundle.clone(),
                b"\r\n0\r\n\r\n".to_vec(),
            ]
            .concat()
        },
        &[&[200, 400]],
        1,
    ),
    ("two lengths", |asked| asked.whole("Content-Length: 5\r\n"), &[&[400]], 0),
    (
        "two lengths in one",
        |asked| {
            [asked.upload(&format!("Content-Length: {0}, {0}\r\n", asked.bundle.len())), asked.bundle.clone()].concat()
        },
        &[&[400]],
        0,
    ),
    (
        "one length twice",
        |asked| asked.whole(&format!("Content-Length: {}\r\n", asked.bundle.len())),
        &[&[200, 400]],
        1,
    ),
    (
        "a length with a plus",
        |asked| [asked.upload(&format!("Content-Length: +{}\r\n", asked.bundle.len())), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a negative length",
        |asked| [asked.upload("Content-Length: -1\r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a length in hexadecimal",
        |asked| [asked.upload("Content-Length: 0x10\r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a length with a fraction",
        |asked| [asked.upload("Content-Length: 10.0\r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a length of nothing",
        |asked| [asked.upload("Content-Length: \r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a length of 16 EiB",
        |asked| [asked.upload("Content-Length: 18446744073709551616\r\n"), asked.bundle.clone()].concat(),
        &[&[400]],
        0,
    ),
    (
        "a length of nearly 16 EiB",
        |asked| [asked.upload("Content-Length: 18446744073709551615\r\n"), asked.bundle.clone()].concat(),
        &[&[400, 413, 431]],
        0,
    ),
    (
        "a bundle that is longer than it says",
        |asked| {
            // Half a tar, and then what is no request.
            let head = kept(asked, &format!("Content-Length: {}\r\n", asked.bundle.len() / 2));
            [head, asked.bundle.clone()].concat()
        },
        &[&[200], &[400]],
        0,
    ),
    ("an expectation that nobody knows", |asked| asked.whole("Expect: miracles\r\n"), &[&[200, 417]], 1),
];

/// The head of an upload whose connection is to be kept.
fn kept(asked: &super::Asked, lines: &str) -> Vec<u8> {
    format!("POST /upload HTTP/1.1\r\nHost: {}\r\n{lines}\r\n", asked.host).into()
}

#[tokio::test]
async fn every_body_is_whole_or_refused() {
    try_cases(&forgetful().start().await, CASES).await;
}
