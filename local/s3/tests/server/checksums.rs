//! Checksums and digests of bodies through the AWS SDK.

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};

use crate::support::{BUCKET, Fixture, error, get, keys, put};

const BODY: &[u8] = b"123456789";

/// The check values of the algorithms, in base64.
const RIGHT: [(&str, &str); 6] = [
    ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
    ("x-amz-checksum-crc32", "y/Q5Jg=="),
    ("x-amz-checksum-crc32c", "4waSgw=="),
    ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
    ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
    ("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
];

#[tokio::test]
async fn a_body_that_differs_from_its_checksum_is_refused_and_leaves_nothing() {
    let fixture = Fixture::new().await;
    // Adds no checksum of its own.
    let config = fixture.client().config().to_builder();
    let config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    for (header, value) in RIGHT {
        let put = |key: &str, body: &'static [u8]| {
            let request = client
                .put_object()
                .bucket(BUCKET)
                .key(key)
                .body(ByteStream::from_static(body));
            request.customize().mutate_request(move |request| {
                request.headers_mut().insert(header, value);
            })
        };
        put("right", BODY).send().await.unwrap();
        let refused = put("wrong", b"12345678x").send().await.unwrap_err();
        assert_eq!(error(&refused), (400, "BadDigest".to_owned()), "{header}");
        let malformed = client.put_object().bucket(BUCKET).key("wrong");
        let malformed = malformed
            .customize()
            .mutate_request(move |request| {
                request.headers_mut().insert(header, "AAAA");
            })
            .send()
            .await
            .unwrap_err();
        let code = if header == "content-md5" {
            "InvalidDigest"
        } else {
            "InvalidRequest"
        };
        assert_eq!(error(&malformed), (400, code.to_owned()), "{header}");
    }
    assert_eq!(keys(&client, "").await, ["right"]);
    assert_eq!(
        std::fs::read_dir(fixture.folder.path().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_checksum_comes_back_for_the_whole_object_also_after_a_restart() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let write = client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(ByteStream::from_static(BODY));
    let written = write
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    assert_eq!(written.checksum_sha256(), Some(RIGHT[5].1));
    let fixture = fixture.restarted().await;
    let client = fixture.client();
    let head = || client.head_object().bucket(BUCKET).key("a");
    let asked = head().checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(asked.checksum_sha256(), Some(RIGHT[5].1));
    assert_eq!(asked.checksum_type(), Some(&ChecksumType::FullObject));
    assert_eq!(head().send().await.unwrap().checksum_sha256(), None);
    let part = client.get_object().bucket(BUCKET).key("a").range("bytes=1-3");
    let part = part.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(part.checksum_sha256(), None);
    // What another program writes has the checksum that S3 keeps by default.
    std::fs::write(fixture.file("b"), BODY).unwrap();
    let other = client
        .head_object()
        .bucket(BUCKET)
        .key("b")
        .checksum_mode(ChecksumMode::Enabled);
    assert_eq!(other.send().await.unwrap().checksum_crc64_nvme(), Some(RIGHT[3].1));
    assert_eq!(get(&client, "a").await, BODY);
}

#[tokio::test]
async fn a_multipart_upload_is_listed_copied_into_and_read_by_parts() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let large = vec![b'x'; 5 << 20];
    put(&client, "source", &large[..]).await;
    let upload = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("joined")
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    let copied = client
        .upload_part_copy()
        .bucket(BUCKET)
        .key("joined")
        .upload_id(id)
        .part_number(1)
        .copy_source(format!("{BUCKET}/source"))
        .copy_source_range(format!("bytes=0-{}", large.len() - 1))
        .send()
        .await
        .unwrap();
    let part = |body: &'static [u8]| {
        let request = client.upload_part().bucket(BUCKET).key("joined").upload_id(id);
        request.part_number(2).body(ByteStream::from_static(body))
    };
    // Sent twice: the later one counts, and the earlier one is gone.
    let first = part(b"first").send().await.unwrap();
    let second = part(BODY).send().await.unwrap();
    let wrong = part(b"other").content_md5(RIGHT[0].1).send().await.unwrap_err();
    assert_eq!(error(&wrong), (400, "BadDigest".to_owned()));
    let uploads = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .prefix("jo")
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = uploads
        .uploads()
        .iter()
        .map(|upload| (upload.key(), upload.upload_id()))
        .collect();
    assert_eq!(listed, [(Some("joined"), Some(id))]);
    let parts = client
        .list_parts()
        .bucket(BUCKET)
        .key("joined")
        .upload_id(id)
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = parts
        .parts()
        .iter()
        .map(|part| (part.part_number(), part.size(), part.e_tag()))
        .collect();
    let first_tag = copied.copy_part_result().unwrap().e_tag();
    let expected = [(Some(1), Some(5 << 20), first_tag), (Some(2), Some(9), second.e_tag())];
    assert_eq!(listed, expected);
    assert_ne!(first.e_tag(), second.e_tag());
    let complete = |number, tag: Option<&str>| {
        CompletedPart::builder()
            .part_number(number)
            .set_e_tag(tag.map(str::to_owned))
            .build()
    };
    let upload = CompletedMultipartUpload::builder()
        .parts(complete(1, first_tag))
        .parts(complete(2, second.e_tag()));
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("joined")
        .upload_id(id)
        .multipart_upload(upload.build())
        .send()
        .await
        .unwrap();
    let read = |number| client.get_object().bucket(BUCKET).key("joined").part_number(number);
    let tail = read(2).send().await.unwrap();
    assert_eq!(tail.parts_count(), Some(2));
    assert_eq!(tail.content_range(), Some("bytes 5242880-5242888/5242889"));
    assert_eq!(tail.body.collect().await.unwrap().to_vec(), BODY);
    assert_eq!(
        error(&read(3).send().await.unwrap_err()),
        (416, "InvalidPartNumber".to_owned())
    );
    let attributes = client
        .get_object_attributes()
        .bucket(BUCKET)
        .key("joined")
        .object_attributes(aws_sdk_s3::types::ObjectAttributes::ObjectParts)
        .object_attributes(aws_sdk_s3::types::ObjectAttributes::ObjectSize)
        .send()
        .await
        .unwrap();
    assert_eq!(attributes.object_size(), Some(5_242_889));
    assert_eq!(attributes.object_parts().unwrap().total_parts_count(), Some(2));
    assert!(
        client
            .list_multipart_uploads()
            .bucket(BUCKET)
            .send()
            .await
            .unwrap()
            .uploads()
            .is_empty()
    );
}
