//! Answers that are large enough to keep the buffer that they came in.

use super::*;

fn roomy() -> Limits {
    Limits {
        response_size_bytes_max: 1 << 20,
        ..LIMITS
    }
}

#[test]
fn a_large_answer_keeps_the_buffer_that_it_came_in() {
    let mut outbound = Outbound::new("me", roomy());
    outbound.dial(0, 50);
    outbound.connected();
    for size in [200_000, 300_000, 100, 70_000] {
        let asked = ask(&mut outbound, 10, 0);
        send_all(&mut outbound);
        let sent: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let frame = answer(i32::try_from(asked).expect("few"), &sent);
        let mut received = std::ptr::null();
        for part in frame.chunks(50_000) {
            let mut left = part;
            while !left.is_empty() {
                let buffer = outbound.receive_buffer();
                let room = (buffer.capacity() - buffer.len()).min(left.len());
                buffer.extend_from_slice(&left[..room]);
                received = buffer.as_ptr();
                left = &left[room..];
                outbound.cut_answers();
            }
        }
        let (bytes, at) = outbound
            .completed()
            .expect("it came")
            .outcome
            .expect("whole")
            .into_parts();
        assert!(bytes[at..] == sent, "{size}");
        assert_eq!(bytes.as_ptr() == received, size >= 200_000, "{size}");
    }
}

#[test]
fn an_answer_with_another_behind_it_is_copied_out() {
    let mut outbound = Outbound::new("me", roomy());
    outbound.dial(0, 50);
    outbound.connected();
    let asked = [ask(&mut outbound, 10, 0), ask(&mut outbound, 10, 0)];
    send_all(&mut outbound);
    let bodies = [vec![7; 100_000], b"next".to_vec()];
    let mut stream = answer(1, &bodies[0]);
    stream.extend(answer(2, &bodies[1]));
    outbound.received(&stream);
    let found = ends(&mut outbound);
    assert!(found == asked.into_iter().zip(bodies.map(Ok)).collect::<Vec<_>>());
}
