//! What becomes of a frame before anybody works on it: its header, whether the listener serves it, and who handles it.

use super::{Apis, FETCH, Header, PRODUCE};
use crate::connection::{API_VERSIONS, RequestHeader, answers_flexibly, parse_header};

/// A request that is served.
pub struct Admitted<'a> {
    pub header: RequestHeader<'a>,
    /// Its answer's header carries tagged fields.
    pub flexible: bool,
    /// It is Produce or Fetch and handled here; else Python decides it.
    pub hot: Option<Header>,
}

/// Look at a frame's header.
///
/// # Errors
/// Why the peer is to be hung up on, as Kafka does.
pub fn admit<'a>(frame: &'a [u8], apis: &Apis, controller: bool) -> Result<Admitted<'a>, String> {
    let header = parse_header(frame, |key| apis.first_flexible(key))
        .map_err(|malformed| format!("a request header with {malformed}"))?;
    let (key, version) = (header.api_key, header.api_version);
    let Some(api) = apis.get(key, controller) else {
        return Err(format!("API key {key} is not served on this listener"));
    };
    // A client that asks ApiVersions at a version from the future is told which ones there are.
    let supported = (api.version_min..=api.version_max).contains(&version);
    if !supported && key != API_VERSIONS {
        return Err(format!("API key {key} is not served at version {version}"));
    }
    let is_hot = !controller && (key == PRODUCE || key == FETCH);
    let flexible = answers_flexibly(key, version >= api.first_flexible);
    Ok(Admitted {
        flexible,
        hot: is_hot.then(|| Header {
            version,
            correlation_id: header.correlation_id,
            flexible,
            body_at: header.body_at,
            from_admin: Header::is_admin(header.client_id),
            client_id_bytes: header.client_id.map_or(0, str::len),
        }),
        header,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::Api;

    /// A quota would be another client's.
    #[test]
    fn a_hot_request_says_whose_it_is() {
        let apis = Apis::new([Api {
            key: PRODUCE,
            version_min: 3,
            version_max: 13,
            first_flexible: 9,
            on_brokers: true,
            on_controllers: false,
        }]);
        for version in [3, 9] {
            for (length, name) in [(2, "me"), (0, ""), (-1, "")] {
                let mut frame = [PRODUCE, version, 0, 9, length]
                    .map(i16::to_be_bytes)
                    .concat();
                frame.extend_from_slice(name.as_bytes());
                frame.extend_from_slice(&[0; 8]);
                let hot = admit(&frame, &apis, false).ok().and_then(|found| found.hot);
                assert_eq!(hot.unwrap().client_id(&frame), name);
            }
        }
    }
}
