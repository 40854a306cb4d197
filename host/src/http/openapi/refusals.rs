//! What may keep a bundle from being taken, where several calls have the same to say of it.

use utoipa::IntoResponses;

/// Of a bundle that is sent at once, and of the document of a move.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for answers that are made elsewhere")]
pub(in crate::http) enum NotTaken {
    #[response(status = 400, description = "A header is not what is asked for, or the body did not arrive whole")]
    Broken,
    #[response(status = 403, description = "The token has not the role uploader")]
    NotAllowed,
    #[response(status = 408, description = "Nothing, or too little, came for too long")]
    Silent,
    #[response(
        status = 409,
        description = "The request that came first with this Idempotency-Key is still being received"
    )]
    UnderWay,
    #[response(status = 411, description = "Neither Content-Length nor chunked")]
    NoLength,
    #[response(status = 413, description = "The body is too large")]
    TooLarge,
    #[response(status = 422, description = "The Idempotency-Key was one of another kind of job")]
    OtherKind,
    #[response(status = 507, description = "The gate has no room left")]
    Full,
}

/// Of a part of a bundle.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "it stands for answers that are made elsewhere")]
pub(in crate::http) enum PartNotTaken {
    #[response(status = 400, description = "A header is not what is asked for, or the part did not arrive whole")]
    Broken,
    #[response(status = 404, description = "There is no such upload of this user")]
    Unknown,
    #[response(status = 408, description = "Nothing, or too little, came for too long")]
    Silent,
    #[response(status = 409, description = "The part does not begin where the upload ends")]
    Elsewhere,
    #[response(status = 410, description = "The upload has expired")]
    Expired,
    #[response(status = 412, description = "Another version of tus is spoken here")]
    OtherVersion,
    #[response(status = 413, description = "It is too large")]
    TooLarge,
    #[response(status = 415, description = "A part is application/offset+octet-stream")]
    OtherType,
    #[response(status = 422, description = "The bundle cannot be received")]
    NotReceived,
    #[response(status = 423, description = "Another request writes to it")]
    Locked,
    #[response(status = 460, description = "The part is not what its checksum says")]
    ChecksumDiffers,
    #[response(status = 507, description = "The gate has no room left")]
    Full,
}
